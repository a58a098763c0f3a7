/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* How a cluster's machine is run, and what KubeVirt's controller makes of that. Pure. @vm: as reconcilers
 * know machines (machine-view.h). */

/* Has it no instance that lives, and is nobody about to start it? What is not known here may be started. */
gboolean lull_run_is_off(LullJson *vm);

/* What says that @vm is to run, one of lull_run_notes; NULL: it is halted, or nobody here knows that word. */
const char *lull_run_note(LullJson *vm);
extern const char *const lull_run_notes[]; /* NULL ends */

/* @vm, that is off, as it is to be by @note: the merge patch; NULL: it is so, or it is not by its spec that
 * it is started. And does one that was halted start by that, so that nobody need be asked? */
LullJson *lull_run_start_patch(LullJson *vm, const char *note) G_GNUC_WARN_UNUSED_RESULT;
gboolean lull_run_starts_itself(const char *note);

G_END_DECLS
