/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-acts.h"

G_BEGIN_DECLS

/* Does what was decided (restore-work-decide.h) of what was seen. WAIT, DONE: nothing. STUCK, FAIL: its words
 * as an error, BUSY or INVALID. */
gboolean lull_restore_perform(LullRestoreActs *self, const LullRestoreWorkStep *step,
                              const LullRestoreSight *sights, GError **error);

/* WAIT, STUCK, FAIL: FALSE with its words as an error. */
gboolean lull_restore_give_up(const LullRestoreWorkStep *step, GError **error);

/* What is there now: what is in it is lent. FALSE: it could not be read. */
gboolean lull_restore_acts_look(LullRestoreActs *self, LullRestoreLook *ret_look, GError **error);

/* The machine, as it was looked at since. */
void lull_restore_acts_show(const LullRestoreActs *self, LullRestoreLook *look);

G_END_DECLS
