/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-sights.h"
#include "coordinator/cluster/restore-work.h"

G_BEGIN_DECLS

/* What is done for a restore, one step each. Each may be done again after a crash: what was there already is
 * as good as made. */
typedef struct {
    const LullRestoreTools *tools;
    LullStore *store;
    LullJson *restore, *content, *plan; /* lent */
    gboolean fresh;                     /* of what is planned nothing can have been made yet */
    LullRestoreSights *sights;
    LullJson *vm;          /* the target, as it was looked at; NULL: not there */
    LullJson *surplus;     /* names of DataVolumes that go in the end; NULL: none */
    gboolean tried;        /* the machine */
    gboolean claims_tried; /* those that are made in place */
    gboolean revisions_owned;
} LullRestoreActs;

/* @self has @tools, @restore with its plan, @content and @fresh; the rest is looked at. */
gboolean lull_restore_acts_begin(LullRestoreActs *self, GError **error);
void lull_restore_acts_clear(LullRestoreActs *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullRestoreActs, lull_restore_acts_clear)

/* What API servers refuse for now, as by a quota or a role, is mended without us: FALSE, not for good. */
gboolean lull_restore_act_fail(GError *take_problem, GError **error);

/* As it is now. */
gboolean lull_restore_act_look_at_target(LullRestoreActs *self, GError **error);

/* Before the first, a machine that is to be made is tried. */
gboolean lull_restore_act_create_claim(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);

gboolean
lull_restore_act_create_data_volume(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);

/* Under the version that was looked at, or as one that was not there. */
gboolean lull_restore_act_write_machine(LullRestoreActs *self, GError **error);
gboolean lull_restore_act_adopt(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);
gboolean lull_restore_act_remove_surplus(LullRestoreActs *self, GError **error);

/* And does not say any more that they went. */
gboolean lull_restore_act_leave_surplus(LullRestoreActs *self, GError **error);

G_END_DECLS
