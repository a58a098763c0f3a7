/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt.h"

#include "coordinator/reconcile/attempt-decide.h"
#include "coordinator/reconcile/attempt-report.h"
#include "coordinator/reconcile/attempt-tell.h"
#include "coordinator/reconcile/attempt-volumes.h"
#include "coordinator/reconcile/offline-vm.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "protocol/step.h"

#define PREPARE_BUDGET LULL_SEC(10)
#define BUSY_INTERVAL  LULL_SEC(1) /* between looks at what is in the way */
#define THAW_BUDGET    LULL_SEC(4)
#define STOCK_DEADLINE LULL_SEC(20) /* of the host dead man; a stock freeze alone may take half of it */

typedef struct {
    LullAttemptVerb verb;
    const char *reason;
    gint64 took;
} Note;

/* Everything an attempt has, made before the freeze, so that nothing is made during it. */
typedef struct {
    const LullAttemptTools *tools;
    const LullAttemptOrder *order;
    GCancellable *cancel; /* lent; may be NULL */
    char *op;
    LullVm *vm;
    LullAttemptView view;
    LullCut *cut;
    LullGuestHold *hold;
    LullWitness *witness;
    LullFrozenPlace *place; /* NULL: nobody counts */
    gint64 freeze_asked, cut_asked, cut_known, cut_time;
    gint64 freeze_end; /* when the guest is let go at the latest */
    gboolean cut_while_frozen;
    GError *error; /* the first thing that went wrong with storage, intent or cut */
    Note notes[LULL_ATTEMPT_N];
    guint n_notes;
} Attempt;

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

static LullTried
tried(gboolean done)
{
    return done ? LULL_TRIED_DONE : LULL_TRIED_FAILED;
}

/* Somebody else's job on the machine, or a merge of what is stored, is waited for: up to the deadline, if
 * there is one. Nothing is held meanwhile. */
static gboolean
wait_for_storage(const Attempt *self, const GError *problem)
{
    const gint64 now = lull_clock_boottime();
    const gint64 rest = self->view.deadline ? self->view.deadline - now : BUSY_INTERVAL;
    GPollFD poll = {0};

    if (!lull_error_is(problem, LULL_ERROR_BUSY) || rest <= 0 || !self->cancel ||
        !g_cancellable_make_pollfd(self->cancel, &poll))
        return FALSE;
    (void)g_poll(&poll, 1, (gint)(MIN(rest, BUSY_INTERVAL) / 1000) + 1);
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
read_vm(Attempt *self, GError **error)
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

/* After a wait it is another machine: one that was off runs, or was paused. */
static void
prepare_storage(Attempt *self)
{
    LullStorage *storage = self->tools->storage;
    gboolean told = FALSE;
    gboolean known = TRUE;

    for (;;) {
        if (known)
            self->cut = storage->ops->prepare(storage, self->vm, self->order->content_uid,
                                              self->order->number, &self->error);
        if (self->cut || !wait_for_storage(self, self->error))
            break;
        if (!told)
            g_message("%s: %s waits: %s", self->vm->name, self->order->owner, self->error->message);
        told = TRUE;
        g_clear_error(&self->error);
        known = read_vm(self, &self->error);
    }
    self->view.storage = tried(self->cut != NULL);
}

/* A witness that cannot be made is none. */
static void
probe(Attempt *self)
{
    g_autoptr(GError) problem = NULL;

    self->hold = lull_guest_hold_new(self->tools->host, self->vm, self->op, &self->error);
    self->view.unreached = !self->hold;
    self->view.probe = tried(self->hold && lull_guest_hold_facts(self->hold)->agent != LULL_AGENT_NONE);
    if (self->view.probe != LULL_TRIED_DONE)
        return;
    self->view.stock = lull_guest_hold_facts(self->hold)->agent == LULL_AGENT_STOCK;
    self->witness = lull_witness_new(self->tools->host, self->vm, &problem);
    if (!self->witness)
        g_warning("%s: no witness: %s", self->vm->name, problem->message);
}

static void
prepare_guest(Attempt *self)
{
    self->view.prepare = tried(lull_guest_hold_prepare(self->hold, PREPARE_BUDGET));
    lull_step(LULL_STEP_COORDINATOR_PREPARED);
}

static LullTried
note_intent(Attempt *self, LullIntentStage stage)
{
    return tried(lull_intents_write(self->tools->intents, self->op, self->vm,
                                    lull_guest_hold_facts(self->hold)->agent, stage, &self->error));
}

static void
write_intent(Attempt *self)
{
    self->view.intent = note_intent(self, LULL_INTENT_ENGAGED);
    lull_step(LULL_STEP_COORDINATOR_INTENT_WRITTEN);
}

static void
freeze(Attempt *self)
{
    const LullGuestHoldFacts *hold = lull_guest_hold_facts(self->hold);
    const gboolean ours = hold->agent == LULL_AGENT_LULL;
    const gint64 lease = self->tools->lease ? self->tools->lease : LULL_MSEC(LULL_LEASE_MS);
    gint64 total = LULL_MSEC(LULL_FREEZE_MAX_MS);

    self->freeze_asked = lull_clock_boottime();
    if (self->view.deadline)
        total = MIN(total, self->view.deadline - self->freeze_asked);
    if (hold->hold_budget)
        total = MIN(total, hold->hold_budget); /* a cut after that is none of data that anybody held */
    self->freeze_end = self->freeze_asked + (ours ? total : MIN(total, STOCK_DEADLINE));
    lull_frozen_begin(self->place, self->freeze_asked);
    self->view.freeze = tried(lull_guest_hold_freeze(self->hold, ours ? lease : STOCK_DEADLINE, total));
    self->view.hopeless = lull_guest_hold_facts(self->hold)->nothing;
    lull_step(LULL_STEP_COORDINATOR_FROZEN);
}

static void
cut(Attempt *self)
{
    const gboolean held = self->view.freeze == LULL_TRIED_DONE && self->view.thaw == LULL_TRIED_NOT;
    const LullCutTerms terms = {
        .until = held ? self->freeze_end : self->view.deadline, .held = held, .cancel = self->cancel};

    self->cut_asked = lull_clock_boottime();
    self->view.cut =
        tried(self->tools->storage->ops->cut(self->cut, &terms, self->error ? NULL : &self->error));
    self->cut_known = lull_clock_boottime();
    if (self->view.cut == LULL_TRIED_DONE)
        self->cut_time = lull_clock_realtime();
    self->cut_while_frozen = self->view.cut == LULL_TRIED_DONE && held;
    lull_step(LULL_STEP_COORDINATOR_CUT);
}

static void
witness_second(Attempt *self)
{
    self->view.second = tried(self->witness && lull_witness_read_second(self->witness, NULL));
    lull_step(LULL_STEP_COORDINATOR_WITNESSED);
}

static void
thaw(Attempt *self)
{
    lull_guest_hold_thaw(self->hold, THAW_BUDGET);
    lull_frozen_end(self->place);
    self->view.thaw = LULL_TRIED_DONE;
    lull_step(LULL_STEP_COORDINATOR_THAWED);
}

static void
remove_intent(Attempt *self)
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
perform(Attempt *self, LullAttemptVerb verb)
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

/* Runs the machine to its end; returns why it ended. */
static const char *
run(Attempt *self, GCancellable *cancel)
{
    for (;;) {
        LullAttemptStep step;
        gint64 begun = 0;

        self->view.now = begun = lull_clock_boottime();
        self->view.cancelled = g_cancellable_is_cancelled(cancel);
        step = lull_attempt_decide(&self->view);
        if (step.verb == LULL_ATTEMPT_END)
            return step.reason;
        perform(self, step.verb);
        if (self->n_notes < G_N_ELEMENTS(self->notes))
            self->notes[self->n_notes++] = (Note){step.verb, step.reason, lull_clock_boottime() - begun};
    }
}

/* Only now, with nothing frozen, is it told. */
static void
tell(const Attempt *self, const LullAttemptOutcome *outcome, const GError *problem)
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
conclude(Attempt *self)
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

static void
attempt_clear(Attempt *self)
{
    g_clear_pointer(&self->hold, lull_guest_hold_free);
    g_clear_pointer(&self->place, lull_frozen_give_back);
    g_clear_pointer(&self->witness, lull_witness_free);
    g_clear_pointer(&self->cut, lull_cut_free);
    g_clear_pointer(&self->vm, lull_vm_free);
    g_clear_pointer(&self->op, g_free);
    g_clear_error(&self->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Attempt, attempt_clear)

static gboolean
attempt_init(Attempt *self, GError **error)
{
    self->op = g_uuid_string_random();
    if (self->order->problem) {
        g_set_error_literal(error, LULL_ERROR, LULL_ERROR_INVALID, self->order->problem);
        return FALSE;
    }
    self->view.deadline = self->order->deadline;
    return read_vm(self, error);
}

/* @reason: why the machine ended. */
static LullAttemptOutcome *
outcome_of(Attempt *self, const char *reason, GError **error)
{
    if (self->error) {
        LullAttemptOutcome *outcome = NULL;

        if (self->view.cut == LULL_TRIED_FAILED) {
            outcome = g_new0(LullAttemptOutcome, 1);
            outcome->cut_failed = TRUE;
            outcome->held = self->view.freeze == LULL_TRIED_DONE;
        }
        g_propagate_error(error, g_steal_pointer(&self->error));
        return outcome;
    }
    if (self->view.cut == LULL_TRIED_DONE || g_str_equal(reason, "NotFrozen"))
        return conclude(self);
    g_set_error(error, LULL_ERROR, self->view.cancelled ? LULL_ERROR_FAILED : LULL_ERROR_TIMED_OUT,
                "attempt %u of %s given up: %s", self->order->number, self->order->owner,
                self->view.cancelled ? "cancelled" : "the deadline is over");
    return NULL;
}

static LullAttemptOutcome *
run_claimed(const LullAttemptTools *tools, const LullAttemptOrder *order, GCancellable *cancel,
            GError **error)
{
    g_auto(Attempt) self = {.tools = tools,
                            .order = order,
                            .cancel = cancel,
                            .place = lull_frozen_take(lull_metrics_frozen(tools->metrics))};
    GError *problem = NULL;
    LullAttemptOutcome *outcome =
        attempt_init(&self, &problem) ? outcome_of(&self, run(&self, cancel), &problem) : NULL;

    tell(&self, outcome, problem);
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
        tell(&(Attempt){.tools = tools, .order = order}, outcome, problem);
        g_propagate_error(error, problem);
        return outcome;
    }
    outcome = run_claimed(tools, order, cancel, error);
    lull_claims_release(tools->claims, order->vm_uid);
    return outcome;
}
