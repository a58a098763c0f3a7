/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

extern const LullKind lull_kind_pod;

/* Asks @ahead (ahead.h) for what lull_machine_complete() will most likely read of @vm. */
void lull_machine_ask_ahead(LullStore *ahead, LullJson *vm);

/* Into the status of @vm: which of its volumes a snapshot would hold, each with its claim, and why it cannot
 * be locked yet, as snapshot-source.h has them. @online: it has an instance. */
gboolean lull_machine_tell_volumes(LullStore *store, LullJson *vm, gboolean online, GError **error);

/* status.volumeSnapshotStatuses of @vm, as clients see them: whether each of its volumes could be cut, and
 * why not, as the classes are now. One whose claim is yet to be made counts as what it will be. May block. */
LullJson *
lull_machine_volume_statuses(LullStore *store, LullJson *vm, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Why a claim cannot be snapshotted yet, in the reference's words; NULL: it can. @claim and @data_volume
 * (which owns it) may be NULL: not there. Pure. */
char *lull_machine_claim_problem(LullJson *vm, const char *name, LullJson *claim,
                                 LullJson *data_volume) G_GNUC_WARN_UNUSED_RESULT;

/* The name of the DataVolume that owns the claim, lent; NULL: none does. Pure. */
const char *lull_machine_claim_owner(LullJson *claim);

/* Of a machine that is off: which pods (an array) of its name space have its claims (names) all the same.
 * Pure.
 */
char *lull_machine_pods_problem(LullJson *pods, const GPtrArray *claims) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
