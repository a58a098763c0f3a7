/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-work.h"

#include "coordinator/cluster/restore-acts.h"
#include "coordinator/cluster/restore-revisions.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define USUAL_PATIENCE LULL_SEC(60)
#define LOOK_INTERVAL  LULL_MSEC(500)
#define LOOK_DEAF      LULL_SEC(10) /* what a provisioner said before that may be over */

typedef struct {
    LullRestoreActs acts;
    gboolean revisions_owned;
} Work;

static void
work_clear(Work *self)
{
    g_clear_pointer(&self->acts.sights, lull_restore_sights_free);
    g_clear_pointer(&self->acts.vm, json_object_put);
    g_clear_pointer(&self->acts.surplus, json_object_put);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

/* FALSE: the words as an error. */
static gboolean
give_up(const LullRestoreWorkStep *step, GError **error)
{
    g_set_error(error, LULL_ERROR,
                (int)(step->verb == LULL_RESTORE_WORK_FAIL ? LULL_ERROR_INVALID : LULL_ERROR_BUSY), "%s",
                step->words);
    return FALSE;
}

static gboolean
has_said(const LullRestoreSight *sights, guint n)
{
    for (guint i = 0; i < n; i++)
        if (sights[i].said)
            return TRUE;
    return FALSE;
}

/* What it waits for is told after a while; whoever tells it begins again. */
static gboolean
wait_a_moment(Work *self, const LullRestoreWorkStep *step, const LullRestoreSight *sights, guint n,
              gint64 waited, GError **error)
{
    const gint64 patience = self->acts.tools->patience ? self->acts.tools->patience : USUAL_PATIENCE;

    if (waited > patience || (waited > MIN(LOOK_DEAF, patience) && has_said(sights, n)))
        return give_up(step, error);
    lull_restore_sights_wait(self->acts.sights, LOOK_INTERVAL);
    return TRUE;
}

static gboolean
perform(Work *self, const LullRestoreWorkStep *step, const LullRestoreSight *sights, GError **error)
{
    switch (step->verb) {
    case LULL_RESTORE_WORK_STUCK:
    case LULL_RESTORE_WORK_FAIL:
        return give_up(step, error);
    case LULL_RESTORE_WORK_CREATE:
        return lull_restore_act_create_claim(&self->acts, &sights[step->index], error);
    case LULL_RESTORE_WORK_CREATE_DATA_VOLUME:
        return lull_restore_act_create_data_volume(&self->acts, &sights[step->index], error);
    case LULL_RESTORE_WORK_WRITE_MACHINE:
        return lull_restore_act_write_machine(&self->acts, error);
    case LULL_RESTORE_WORK_ADOPT:
        return lull_restore_act_adopt(&self->acts, &sights[step->index], error);
    case LULL_RESTORE_WORK_OWN_REVISIONS:
        self->revisions_owned = lull_restore_own_revisions(self->acts.store, self->acts.vm, error);
        return self->revisions_owned;
    case LULL_RESTORE_WORK_REMOVE_SURPLUS:
        return lull_restore_act_remove_surplus(&self->acts, error);
    case LULL_RESTORE_WORK_LEAVE_SURPLUS:
        return lull_restore_act_leave_surplus(&self->acts, error);
    case LULL_RESTORE_WORK_WAIT:
    case LULL_RESTORE_WORK_DONE:
    case LULL_RESTORE_WORK_N:
        break;
    }
    return TRUE;
}

static guint
count_bound(const LullRestoreSight *sights, guint n)
{
    guint bound = 0;

    for (guint i = 0; i < n; i++)
        bound += sights[i].volume ? 1 : 0;
    return bound;
}

static gboolean
begin(LullRestoreActs *self, GError **error)
{
    LullJson *status = lull_json_object(self->restore, "status");
    LullJson *surplus = lull_json_array(status, "deletedDataVolumes");
    g_autofree char *refusal = NULL;

    self->store = self->tools->store;
    self->plan = lull_json_array(status, "restores");
    if (!self->plan) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "restore %s: what it makes is not recorded yet",
                    lull_meta_name(self->restore));
        return FALSE;
    }
    refusal = lull_restore_work_refusal(self->restore, self->content, self->plan);
    if (refusal) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED, "%s", refusal);
        return FALSE;
    }
    self->surplus = surplus ? lull_json_dup(surplus) : NULL;
    self->sights = lull_restore_sights_new(self->store, self->restore, self->content, self->plan);
    return lull_restore_act_look_at_target(self, error);
}

gboolean
lull_restore_work_run(const LullRestoreTools *tools, LullJson *restore, LullJson *content,
                      void (*progress)(guint permille, gpointer user_data), gpointer user_data,
                      GCancellable *cancel, GError **error)
{
    g_auto(Work) self = {.acts = {.tools = tools, .restore = restore, .content = content}};
    gint64 waits_since = 0;

    if (!begin(&self.acts, error))
        return FALSE;
    while (!g_cancellable_set_error_if_cancelled(cancel, error)) {
        LullRestoreLook look = {.restore = restore,
                                .content = content,
                                .vm = self.acts.vm,
                                .n = (guint)json_object_array_length(self.acts.plan),
                                .surplus = self.acts.surplus != NULL,
                                .revisions =
                                    !self.revisions_owned && lull_restore_has_revisions(self.acts.vm)};
        g_auto(LullRestoreWorkStep) step = {0};
        const gint64 now = lull_clock_boottime();

        if (!lull_restore_sights_look(self.acts.sights, &look.sights, error))
            return FALSE;
        step = lull_restore_work_decide(&look);
        if (step.verb == LULL_RESTORE_WORK_DONE)
            return TRUE;
        g_debug("restore %s: %s %u %s", lull_meta_name(restore), lull_restore_work_verb_to_string(step.verb),
                step.index, step.words ? step.words : "");
        if (progress)
            progress(1000 * count_bound(look.sights, look.n) / (look.n + 1), user_data);
        if (step.verb == LULL_RESTORE_WORK_WAIT) {
            waits_since = waits_since ? waits_since : now;
            if (!wait_a_moment(&self, &step, look.sights, look.n, now - waits_since, error))
                return FALSE;
        } else if (!perform(&self, &step, look.sights, error)) {
            return FALSE;
        }
    }
    return FALSE;
}
