/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt-private.h"
#include "coordinator/reconcile/attempt-report.h"
#include "coordinator/reconcile/attempt-tell.h"
#include "coordinator/reconcile/attempt-volumes.h"
#include "protocol/error.h"

void
lull_attempt_order_free(LullAttemptOrder *self)
{
    if (!self)
        return;
    g_free(self->vm_uid);
    g_free(self->content_uid);
    g_free(self->owner);
    g_free(self->snapshot);
    g_strfreev(self->exclude);
    g_strfreev(self->volumes);
    lull_json_put(self->earlier);
    lull_json_put(self->content);
    g_free(self->life);
    g_free(self->problem);
    g_free(self);
}

void
lull_attempt_outcome_free(LullAttemptOutcome *self)
{
    if (!self)
        return;
    lull_json_put(self->report);
    lull_json_put(self->cuts);
    g_free(self->life);
    g_free(self);
}

void
lull_attempt_run_tell(const LullAttemptRun *self, const LullAttemptOutcome *outcome, const GError *problem)
{
    g_autoptr(GString) steps = g_string_new(NULL);
    LullAttemptTelling telling = {
        .vm = self->vm ? self->vm->name : self->order->vm_uid,
        .op = self->op,
        .asked = !self->view.unasked,
        .hold = self->hold ? lull_guest_hold_facts(self->hold) : NULL,
    };

    for (guint i = 0; i < self->n_notes; i++) {
        g_string_append_printf(steps, "%s%s:", i ? "," : "",
                               lull_attempt_verb_to_string(self->notes[i].verb));
        lull_append_msec(steps, self->notes[i].took);
    }
    telling.steps = steps->str;
    lull_attempt_tell(self->tools->metrics, self->order, &telling, outcome, problem);
}

static LullAttemptOutcome *
conclude(LullAttemptRun *self)
{
    const LullStorageOps *ops = self->tools->storage->ops;
    g_autoptr(GPtrArray) disks = lull_attempt_cut_disks(self->vm);
    const LullAttemptRecord record = {
        .op = self->op,
        .attempt = self->order->number,
        .require = self->order->require,
        .unquiesced = self->order->unquiesced,
        .earlier = self->order->earlier,
        .vm = self->vm,
        .hold = self->hold ? lull_guest_hold_facts(self->hold) : NULL,
        .not_frozen = self->not_frozen,
        .witness = self->witness ? lull_witness_verdict(self->witness, (const char *const *)disks->pdata)
                                 : LULL_WITNESS_NONE,
        .cut_while_frozen = self->cut_while_frozen,
        .atomic = self->tools->storage->ops->atomic,
        .freeze_asked = self->freeze_asked,
        .cut_asked = self->cut_asked,
        .cut_known = self->cut_known,
        .cut_time = self->cut_time,
        .volumes = self->cut && ops->cut_volumes ? ops->cut_volumes(self->cut) : NULL,
    };
    const LullTruth truth = lull_attempt_truth(&record);
    LullAttemptOutcome *outcome = g_new0(LullAttemptOutcome, 1);

    outcome->cut_time = self->cut_time;
    outcome->again = !truth.final;
    outcome->reached =
        truth.final && self->cut_time && lull_level_satisfies(truth.level, self->order->require);
    outcome->report = lull_attempt_report(&record, &truth);
    outcome->life = g_strdup(self->order->life);
    outcome->cuts = lull_attempt_cuts(record.volumes);
    return outcome;
}

/* Of two reasons the one that says what to wait for: the storage was only told to stop. */
static void
blame_leaving(LullAttemptRun *self)
{
    g_clear_error(&self->error);
    g_set_error(&self->error, LULL_ERROR, LULL_ERROR_BUSY,
                "virtual machine %s: %s: attempt %u let it go before it was cut", self->vm->name,
                self->leaves, self->order->number);
}

/* As if it had not been begun. */
static LullAttemptOutcome *
queued(const LullAttemptRun *self, GError **error)
{
    LullAttemptOutcome *outcome = g_new0(LullAttemptOutcome, 1);

    outcome->refused = TRUE;
    outcome->queue = MAX(self->forecast.behind, self->forecast.asking);
    g_set_error_literal(error, LULL_ERROR, LULL_ERROR_BUSY, self->not_frozen);
    return outcome;
}

/* Nothing was cut, whether or not it came as far as the storage. */
static LullAttemptOutcome *
uncut(const LullAttemptRun *self)
{
    const gboolean held = self->view.freeze == LULL_TRIED_DONE;
    LullAttemptOutcome *outcome = NULL;

    if (self->view.cut != LULL_TRIED_FAILED && !(self->leaves && held))
        return NULL;
    outcome = g_new0(LullAttemptOutcome, 1);
    outcome->left = self->leaves && held;
    outcome->cut_failed = !outcome->left;
    outcome->held = outcome->cut_failed && held;
    return outcome;
}

LullAttemptOutcome *
lull_attempt_run_outcome(LullAttemptRun *self, const char *reason, GError **error)
{
    if (self->leaves && !self->view.cancelled)
        blame_leaving(self);
    if (self->error) {
        g_propagate_error(error, g_steal_pointer(&self->error));
        return uncut(self);
    }
    if (self->view.cut == LULL_TRIED_DONE || g_str_equal(reason, "NotFrozen"))
        return conclude(self);
    if (g_str_equal(reason, LULL_ATTEMPT_QUEUED))
        return queued(self, error);
    g_set_error(error, LULL_ERROR, self->view.cancelled ? LULL_ERROR_FAILED : LULL_ERROR_TIMED_OUT,
                "attempt %u of %s given up: %s", self->order->number, self->order->owner,
                self->view.cancelled ? "cancelled" : "the deadline is over");
    return NULL;
}
