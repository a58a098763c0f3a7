/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work-decide.h"

G_BEGIN_DECLS

/* The parts of the next step's choice (restore-work-decide.h) that are about the data of one volume. Pure and
 * total. DONE: nothing is in the way. */

LullRestoreWorkStep lull_restore_step_at(LullRestoreWorkVerb verb, guint index);
LullRestoreWorkStep
lull_restore_step_say(LullRestoreWorkVerb verb, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define STEP(verb)           lull_restore_step_at(LULL_RESTORE_WORK_##verb, 0)
#define STEP_AT(verb, index) lull_restore_step_at(LULL_RESTORE_WORK_##verb, (index))
#define SAY(verb, ...)       lull_restore_step_say(LULL_RESTORE_WORK_##verb, __VA_ARGS__)

/* A claim is yet to be made of it. */
LullRestoreWorkStep lull_restore_decide_snapshot(const LullRestoreSight *sight);
LullRestoreWorkStep lull_restore_decide_class(LullJson *content, const LullRestoreSight *sight);

/* Both, of all volumes, before the first claim is made: @is_missing says of which one is yet to be. @ret:
 * which is to be made next; the number of volumes: none. */
typedef gboolean (*LullRestoreMissingFunc)(const LullRestoreLook *look, const LullRestoreSight *sight);
LullRestoreWorkStep
lull_restore_decide_missing(const LullRestoreLook *look, LullRestoreMissingFunc is_missing, guint *ret);

/* Its claim was made by us: are the data there? */
LullRestoreWorkStep lull_restore_decide_made(LullJson *content, const LullRestoreSight *sight);

/* After the machine was written: are they, and not only to come once it is started? */
gboolean lull_restore_has_data(const LullRestoreLook *look, const LullRestoreSight *sight);

/* Its class gives nobody a volume before the machine is started. */
gboolean lull_restore_is_late(const LullRestoreSight *sight);

gboolean lull_restore_is_bound_to(LullJson *claim, LullJson *volume);

/* Its claim is there: has its DataVolume, that is made where it is not there, taken it? */
LullRestoreWorkStep lull_restore_decide_data_volume(const LullRestoreLook *look, guint index);

/* The machine: nobody else works on it, and it does not run. */
LullRestoreWorkStep lull_restore_decide_target(const LullRestoreLook *look);

G_END_DECLS
