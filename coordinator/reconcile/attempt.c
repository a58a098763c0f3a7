/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt.h"

#include "coordinator/reconcile/attempt-private.h"
#include "coordinator/reconcile/attempt-volumes.h"
#include "coordinator/reconcile/offline-vm.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "protocol/step.h"

#define PREPARE_BUDGET LULL_SEC(10)
#define THAW_BUDGET    LULL_SEC(4)

static LullTried
tried(gboolean done)
{
    return done ? LULL_TRIED_DONE : LULL_TRIED_FAILED;
}

/* Somebody else's job on the machine, or a merge of what is stored, is waited for, @since then: up to the
 * deadline, if there is one. Nothing is held meanwhile. */
static gboolean
wait_for_storage(const LullAttemptRun *self, gint64 since)
{
    const gint64 now = lull_clock_boottime();
    const gint64 pause = lull_attempt_busy_pause(now - since);
    const gint64 rest = self->view.deadline ? self->view.deadline - now : pause;
    GPollFD poll = {0};

    if (rest <= 0 || !self->cancel || !g_cancellable_make_pollfd(self->cancel, &poll))
        return FALSE;
    (void)g_poll(&poll, 1, (gint)(MIN(rest, pause) / 1000) + 1);
    g_cancellable_release_fd(self->cancel);
    return !g_cancellable_is_cancelled(self->cancel) &&
           (!self->view.deadline || lull_clock_boottime() < self->view.deadline);
}

/* As good as can be, without a freeze. */
static gboolean
is_at_rest(const LullVm *vm)
{
    return vm->state == LULL_VM_STOPPED && !lull_truth_unrest(vm->end);
}

/* Reads the VM afresh: what was seen of it before may be old. */
static gboolean
read_vm(LullAttemptRun *self, GError **error)
{
    g_clear_pointer(&self->vm, lull_vm_free);
    self->vm = self->order->content ? lull_vm_of_content(self->order->content, self->order->end)
                                    : lull_host_find_vm_by_uid(self->tools->host, self->order->vm_uid, error);
    if (!self->vm)
        return FALSE;
    if (self->order->by_claim &&
        !lull_attempt_choose_promised(self->vm, (const char *const *)self->order->volumes, error))
        return FALSE;
    if (!self->order->by_claim &&
        !lull_attempt_choose_volumes(self->vm, (const char *const *)self->order->exclude,
                                     (const char *const *)self->order->volumes, error))
        return FALSE;
    self->view.unasked =
        self->order->unquiesced || self->vm->state != LULL_VM_RUNNING || !lull_attempt_has_volumes(self->vm);
    self->view.strict = self->order->require > LULL_LEVEL_CRASH && !is_at_rest(self->vm);
    return TRUE;
}

static void
tell_wait(const LullAttemptRun *self, const char *what)
{
    if (self->order->tell_wait)
        self->order->tell_wait(what, self->order->tell_data);
}

/* After a wait it is another machine: one that was off runs, or was paused. */
static void
prepare_storage(LullAttemptRun *self)
{
    LullStorage *storage = self->tools->storage;
    const gint64 since = lull_clock_boottime();
    gboolean told = FALSE;
    gboolean known = TRUE;

    for (;;) {
        if (known)
            self->cut = storage->ops->prepare(storage, self->vm, self->order->content_uid,
                                              self->order->number, &self->error);
        if (self->cut || !lull_error_is(self->error, LULL_ERROR_BUSY))
            break;
        if (!told)
            g_message("%s: %s waits: %s", self->vm->name, self->order->owner, self->error->message);
        told = TRUE;
        tell_wait(self, self->error->message);
        if (!wait_for_storage(self, since))
            break;
        g_clear_error(&self->error);
        known = read_vm(self, &self->error);
    }
    if (told)
        tell_wait(self, NULL);
    self->view.storage = tried(self->cut != NULL);
}

static void
pass_on(GCancellable *cancel, gpointer over)
{
    g_cancellable_cancel(over);
}

/* A witness that cannot be made is none. */
static void
probe(LullAttemptRun *self)
{
    g_autoptr(GError) problem = NULL;

    self->hold = lull_guest_hold_new(self->tools->host, self->vm, self->op, &self->error);
    self->view.unreached = !self->hold;
    self->view.probe = tried(self->hold && lull_guest_hold_facts(self->hold)->agent != LULL_AGENT_NONE);
    if (self->view.probe != LULL_TRIED_DONE)
        return;
    self->view.stock = lull_guest_hold_facts(self->hold)->agent == LULL_AGENT_STOCK;
    if (self->cancel)
        self->passed_on =
            g_cancellable_connect(self->cancel, G_CALLBACK(pass_on),
                                  g_object_ref(lull_guest_hold_over(self->hold)), g_object_unref);
    self->witness = lull_witness_new(self->tools->host, self->vm, &problem);
    if (!self->witness)
        g_warning("%s: no witness: %s", self->vm->name, problem->message);
}

/* How long the guest may stand still from @now on. */
static gint64
patience(const LullAttemptRun *self, gint64 now)
{
    const gint64 usec = lull_attempt_patience(lull_guest_hold_facts(self->hold));

    return self->view.deadline ? MIN(usec, self->view.deadline - now) : usec;
}

static void
look_ahead(LullAttemptRun *self)
{
    const LullStorageOps *ops = self->tools->storage->ops;
    LullAttemptView *view = &self->view;

    if (ops->forecast)
        ops->forecast(self->cut, &self->forecast);
    view->patience = lull_attempt_patience(lull_guest_hold_facts(self->hold));
    view->left = view->deadline ? view->deadline - lull_clock_boottime() : 0;
    view->alone = self->forecast.alone;
    view->behind = self->forecast.behind;
    view->asking = self->forecast.asking;
    self->not_frozen = lull_attempt_why_not_frozen(&self->forecast, view->patience, view->left);
}

static void
prepare_guest(LullAttemptRun *self)
{
    self->view.prepare = tried(lull_guest_hold_prepare(self->hold, PREPARE_BUDGET));
    if (self->view.prepare == LULL_TRIED_DONE)
        look_ahead(self);
    lull_step(LULL_STEP_COORDINATOR_PREPARED);
}

static LullTried
note_intent(LullAttemptRun *self, LullIntentStage stage)
{
    return tried(lull_intents_write(self->tools->intents, self->op, self->vm,
                                    lull_guest_hold_facts(self->hold)->agent, stage, &self->error));
}

static void
write_intent(LullAttemptRun *self)
{
    self->view.intent = note_intent(self, LULL_INTENT_ENGAGED);
    lull_step(LULL_STEP_COORDINATOR_INTENT_WRITTEN);
}

static void
freeze(LullAttemptRun *self)
{
    const gboolean ours = lull_guest_hold_facts(self->hold)->agent == LULL_AGENT_LULL;
    const gint64 lease = self->tools->lease ? self->tools->lease : LULL_MSEC(LULL_LEASE_MS);
    gint64 total = 0;

    self->freeze_asked = lull_clock_boottime();
    total = patience(self, self->freeze_asked);
    self->freeze_end = self->freeze_asked + total;
    lull_frozen_begin(self->place, self->freeze_asked);
    self->view.freeze = tried(lull_guest_hold_freeze(self->hold, ours ? lease : LULL_STOCK_DEADLINE, total));
    self->view.hopeless = lull_guest_hold_facts(self->hold)->nothing;
    lull_step(LULL_STEP_COORDINATOR_FROZEN);
}

static void
cut(LullAttemptRun *self)
{
    const gboolean held = self->view.freeze == LULL_TRIED_DONE && self->view.thaw == LULL_TRIED_NOT;
    const LullCutTerms terms = {.until = held ? self->freeze_end : self->view.deadline,
                                .held = held,
                                .cancel = held ? lull_guest_hold_over(self->hold) : self->cancel};

    self->cut_asked = lull_clock_boottime();
    self->view.cut =
        tried(self->tools->storage->ops->cut(self->cut, &terms, self->error ? NULL : &self->error));
    self->cut_known = lull_clock_boottime();
    if (self->view.cut == LULL_TRIED_DONE)
        self->cut_time = lull_clock_realtime() + self->order->skew;
    else if (held)
        self->leaves = lull_guest_hold_leaves(self->hold);
    self->cut_while_frozen = self->view.cut == LULL_TRIED_DONE && held;
    lull_step(LULL_STEP_COORDINATOR_CUT);
}

static void
witness_second(LullAttemptRun *self)
{
    self->view.second = tried(self->witness && lull_witness_read_second(self->witness, NULL));
    lull_step(LULL_STEP_COORDINATOR_WITNESSED);
}

static void
thaw(LullAttemptRun *self)
{
    lull_guest_hold_thaw(self->hold, THAW_BUDGET);
    lull_frozen_end(self->place);
    self->view.thaw = LULL_TRIED_DONE;
    lull_step(LULL_STEP_COORDINATOR_THAWED);
}

static void
remove_intent(LullAttemptRun *self)
{
    g_autoptr(GError) problem = NULL;

    if (self->hold && lull_guest_hold_facts(self->hold)->unconfirmed) {
        lull_intents_leave(self->tools->intents, self->op);
        self->view.intent_removed = LULL_TRIED_FAILED;
        return;
    }
    self->view.intent_removed = tried(lull_intents_remove(self->tools->intents, self->op, &problem));
    if (problem)
        g_warning("%s", problem->message);
}

static void
perform(LullAttemptRun *self, LullAttemptVerb verb)
{
    switch (verb) {
    case LULL_ATTEMPT_PREPARE_STORAGE:
        prepare_storage(self);
        break;
    case LULL_ATTEMPT_PROBE:
        probe(self);
        break;
    case LULL_ATTEMPT_PREPARE_GUEST:
        prepare_guest(self);
        break;
    case LULL_ATTEMPT_WRITE_INTENT:
        write_intent(self);
        break;
    case LULL_ATTEMPT_MARK_INTENT:
        self->view.marked = note_intent(self, LULL_INTENT_FREEZING);
        break;
    case LULL_ATTEMPT_FREEZE:
        freeze(self);
        break;
    case LULL_ATTEMPT_WITNESS_FIRST:
        self->view.first = tried(self->witness && lull_witness_read_first(self->witness, NULL));
        break;
    case LULL_ATTEMPT_CUT:
        cut(self);
        break;
    case LULL_ATTEMPT_WITNESS_SECOND:
        witness_second(self);
        break;
    case LULL_ATTEMPT_THAW:
        thaw(self);
        break;
    case LULL_ATTEMPT_REMOVE_INTENT:
        remove_intent(self);
        break;
    case LULL_ATTEMPT_END:
    case LULL_ATTEMPT_N:
        break;
    }
}

/* What becomes of it once it is cut, or let go, is another matter. */
static void
look_whether_it_leaves(LullAttemptRun *self)
{
    if (self->view.probe != LULL_TRIED_DONE || self->view.cut != LULL_TRIED_NOT ||
        self->view.thaw != LULL_TRIED_NOT)
        return;
    self->leaves = lull_guest_hold_leaves(self->hold);
    self->view.leaving = self->leaves != NULL;
}

/* Runs the machine to its end; returns why it ended. */
static const char *
run(LullAttemptRun *self, GCancellable *cancel)
{
    for (;;) {
        LullAttemptStep step;
        gint64 begun = 0;

        self->view.now = begun = lull_clock_boottime();
        self->view.cancelled = g_cancellable_is_cancelled(cancel);
        look_whether_it_leaves(self);
        step = lull_attempt_decide(&self->view);
        if (step.verb == LULL_ATTEMPT_END)
            return step.reason;
        perform(self, step.verb);
        if (self->n_notes < G_N_ELEMENTS(self->notes))
            self->notes[self->n_notes++] =
                (LullAttemptNote){step.verb, step.reason, lull_clock_boottime() - begun};
    }
}

static void
attempt_clear(LullAttemptRun *self)
{
    if (self->passed_on)
        g_cancellable_disconnect(self->cancel, self->passed_on);
    g_clear_pointer(&self->hold, lull_guest_hold_free);
    g_clear_pointer(&self->place, lull_frozen_give_back);
    g_clear_pointer(&self->witness, lull_witness_free);
    g_clear_pointer(&self->cut, lull_cut_free);
    g_clear_pointer(&self->vm, lull_vm_free);
    g_clear_pointer(&self->op, g_free);
    g_clear_pointer(&self->not_frozen, g_free);
    g_clear_error(&self->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullAttemptRun, attempt_clear)

static gboolean
attempt_init(LullAttemptRun *self, GError **error)
{
    self->op = g_uuid_string_random();
    if (self->order->problem) {
        g_set_error_literal(error, LULL_ERROR, LULL_ERROR_INVALID, self->order->problem);
        return FALSE;
    }
    self->view.deadline = self->order->deadline;
    return read_vm(self, error);
}

static LullAttemptOutcome *
run_claimed(const LullAttemptTools *tools, const LullAttemptOrder *order, GCancellable *cancel,
            GError **error)
{
    g_auto(LullAttemptRun) self = {.tools = tools,
                                   .order = order,
                                   .cancel = cancel,
                                   .place = lull_frozen_take(lull_metrics_frozen(tools->metrics))};
    GError *problem = NULL;
    LullAttemptOutcome *outcome =
        attempt_init(&self, &problem) ? lull_attempt_run_outcome(&self, run(&self, cancel), &problem) : NULL;

    lull_attempt_run_tell(&self, outcome, problem);
    if (problem)
        g_propagate_error(error, problem);
    return outcome;
}

LullAttemptOutcome *
lull_attempt_run(const LullAttemptTools *tools, const LullAttemptOrder *order, GCancellable *cancel,
                 GError **error)
{
    LullAttemptOutcome *outcome = NULL;
    GError *problem = NULL;

    if (!lull_claims_take(tools->claims, order->vm_uid, order->owner, &problem)) {
        outcome = g_new0(LullAttemptOutcome, 1);
        outcome->refused = TRUE;
        lull_attempt_run_tell(&(LullAttemptRun){.tools = tools, .order = order}, outcome, problem);
        g_propagate_error(error, problem);
        return outcome;
    }
    outcome = run_claimed(tools, order, cancel, error);
    lull_claims_release(tools->claims, order->vm_uid);
    return outcome;
}
