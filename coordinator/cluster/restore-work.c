/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-work.h"

#include "coordinator/cluster/restore-acts.h"
#include "coordinator/cluster/restore-steps.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define USUAL_PATIENCE LULL_SEC(60)
#define LOOK_INTERVAL  LULL_MSEC(500)
#define LOOK_DEAF      LULL_SEC(10) /* what a provisioner said before that may be over */

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
wait_a_moment(LullRestoreActs *self, const LullRestoreWorkStep *step, const LullRestoreSight *sights, guint n,
              gint64 waited, GError **error)
{
    const gint64 patience = self->tools->patience ? self->tools->patience : USUAL_PATIENCE;

    if (waited > patience || (waited > MIN(LOOK_DEAF, patience) && has_said(sights, n)))
        return lull_restore_give_up(step, error);
    lull_restore_sights_wait(self->sights, LOOK_INTERVAL);
    return TRUE;
}

static guint
count_bound(const LullRestoreLook *look)
{
    guint bound = 0;

    for (guint i = 0; i < look->n; i++)
        bound += (look->in_place ? look->sights[i].swap.fresh : look->sights[i].volume) ? 1 : 0;
    return bound;
}

static gboolean
begin(LullRestoreActs *self, GError **error)
{
    LullJson *plan = lull_json_array(lull_json_object(self->restore, "status"), "restores");
    g_autofree char *refusal = NULL;

    if (!plan) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "restore %s: what it makes is not recorded yet",
                    lull_meta_name(self->restore));
        return FALSE;
    }
    refusal = lull_restore_work_refusal(self->restore, self->content, plan);
    if (refusal) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED, "%s", refusal);
        return FALSE;
    }
    return lull_restore_acts_begin(self, error);
}

/* Until it is to be overwritten the machine may be as it was known. Nobody is kept from starting it, and it
 * says so itself only later: its instance does. */
static gboolean
decide(LullRestoreActs *self, LullRestoreLook *look, LullRestoreWorkStep *ret_step, GError **error)
{
    *ret_step = lull_restore_work_decide(look);
    if (ret_step->verb != LULL_RESTORE_WORK_WRITE_MACHINE)
        return TRUE;
    if (!lull_restore_act_look_at_target(self, error))
        return FALSE;
    lull_restore_acts_show(self, look);
    *ret_step = lull_restore_work_decide(look);
    return TRUE;
}

gboolean
lull_restore_work_run(const LullRestoreTools *tools, LullJson *restore, LullJson *content, gboolean fresh,
                      void (*progress)(guint permille, gpointer user_data), gpointer user_data,
                      GCancellable *cancel, GError **error)
{
    g_auto(LullRestoreActs) self = {.tools = tools, .restore = restore, .content = content, .fresh = fresh};
    gint64 waits_since = 0;

    if (!begin(&self, error))
        return FALSE;
    while (!g_cancellable_set_error_if_cancelled(cancel, error)) {
        LullRestoreLook look;
        g_auto(LullRestoreWorkStep) step = {0};
        const gint64 now = lull_clock_boottime();

        if (!lull_restore_acts_look(&self, &look, error) || !decide(&self, &look, &step, error))
            return FALSE;
        if (step.verb == LULL_RESTORE_WORK_DONE)
            return TRUE;
        g_debug("restore %s: %s %u %s", lull_meta_name(restore), lull_restore_work_verb_to_string(step.verb),
                step.index, step.words ? step.words : "");
        if (progress)
            progress(1000 * count_bound(&look) / (look.n + 1), user_data);
        if (step.verb == LULL_RESTORE_WORK_WAIT) {
            waits_since = waits_since ? waits_since : now;
            if (!wait_a_moment(&self, &step, look.sights, look.n, now - waits_since, error))
                return FALSE;
        } else if (!lull_restore_perform(&self, &step, look.sights, error)) {
            return FALSE;
        } else {
            waits_since = 0;
        }
        /* it may have been started meanwhile, and what it has is about to be replaced */
        if (look.in_place && !lull_restore_act_look_at_target(&self, error))
            return FALSE;
    }
    return FALSE;
}
