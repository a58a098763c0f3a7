/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-acts.h"

G_BEGIN_DECLS

/* What is done for a restore in place, one step each, of what is in @sight (restore-swap-decide.h). Whoever
 * was faster is looked at again. */
gboolean lull_restore_act_create_aside(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_hold_fresh(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_hold_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_mark(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_unmark(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean
lull_restore_act_mark_data_volume(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_remove_claim(LullRestoreActs *self, LullJson *claim, GError **error);
gboolean lull_restore_act_move(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_create_moved(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_move_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_create_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_disown(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean
lull_restore_act_unmark_data_volume(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean
lull_restore_act_remove_data_volume(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_leave_fresh(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_let_go(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_leave_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_give_back(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);

/* The claim that is made in the end; the caller's. */
LullJson *
lull_restore_act_moved(LullRestoreActs *self, const LullRestoreSight *sight) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
