/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work-decide.h"

G_BEGIN_DECLS

/* Whose claims are, in a restore in place. Pure and total. */

/* DONE: the claim is the machine's to replace: it has it, or had it when it was cut, and nobody else owns it.
 * FAIL: it is not. */
LullRestoreWorkStep lull_swap_decide_owner(const LullRestoreLook *look, const LullRestoreSight *sight);

/* A claim of this restore belongs to a machine that is not there any more, and would be collected with it. */
gboolean lull_swap_has_dead_owner(const LullRestoreLook *look, const LullRestoreSight *sight);

/* An owner reference is a machine's. */
gboolean lull_swap_is_machine(LullJson *owner);

/* Those of the owners of a claim (an array, or NULL) that are there; NULL: none. @ret_orphan (may be NULL): a
 * machine was one of the others. */
LullJson *lull_swap_live_owners(LullJson *owners, LullJson *vm, LullJson *data_volume,
                                gboolean *ret_orphan) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
