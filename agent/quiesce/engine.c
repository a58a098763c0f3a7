/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/engine.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/quiesce/operation.h"
#include "agent/quiesce/record.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "protocol/step.h"

#define OP_MAX 64

typedef enum {
    WAIT_NONE = 0,
    WAIT_FREEZE,
    WAIT_THAW,
    WAIT_ABORT,
    WAIT_STANDARD_FREEZE,
    WAIT_STANDARD_THAW
} Wait;

struct _LullEngine {
    LullEngineConfig config;
    char *boot_id;

    LullMachine machine;
    LullOperation *operation; /* under way, or the last one; NULL before the first */
    LullFreezer *freezer;     /* NULL too where there is nothing to freeze */
    LullFreezer *retired;     /* ended, to be freed outside of its own callback */
    int marker_fd;
    guint timer;

    GQueue events; /* of LullEvent, while one is being worked on */
    gboolean working;

    Wait wait;
    LullPhase wait_from; /* what an abort undoes */
    LullDone done;
    gpointer done_data;

    GSourceFunc stopped;
    gpointer stopped_data;
};

static LullAnswer apply(LullEngine *self, LullEvent event);

/* ------- actions */

static void
post(LullEngine *self, LullEvent event)
{
    g_queue_push_tail(&self->events, g_memdup(&event, sizeof event));
}

static LullEvent
freezer_event(const LullFreezerEvent *event, guint n_frozen)
{
    static const LullEventKind kinds[] = {
        [LULL_FREEZER_PREPARED] = LULL_EVENT_PREPARED,
        [LULL_FREEZER_FROZEN] = LULL_EVENT_FROZEN,
        [LULL_FREEZER_FREEZE_FAILED] = LULL_EVENT_FREEZE_FAILED,
        [LULL_FREEZER_THAWED] = LULL_EVENT_THAWED,
        [LULL_FREEZER_LOST] = LULL_EVENT_LOST,
    };

    return (LullEvent){
        .kind = kinds[event->kind],
        .n_frozen = n_frozen,
        .timed_out = event->timed_out,
        .broken = g_intern_string(event->broken),
    };
}

static void
on_freezer(LullFreezer *freezer, const LullFreezerEvent *event, gpointer user_data)
{
    LullEngine *self = user_data;

    if (freezer != self->freezer)
        return;
    lull_operation_take_event(self->operation, event);
    switch (event->kind) {
    case LULL_FREEZER_PREPARED:
        lull_step(LULL_STEP_AGENT_PREPARED);
        break;
    case LULL_FREEZER_FROZEN:
        self->operation->frozen_at = lull_clock_boottime() - event->freeze_usec;
        lull_step(LULL_STEP_AGENT_FROZEN);
        break;
    case LULL_FREEZER_THAWED:
        lull_step(LULL_STEP_AGENT_THAWED);
        break;
    case LULL_FREEZER_FREEZE_FAILED:
    case LULL_FREEZER_LOST:
        break;
    }
    (void)apply(self, freezer_event(event, lull_operation_n_frozen(self->operation)));
}

static gboolean
free_retired(gpointer user_data)
{
    LullEngine *self = user_data;

    g_clear_pointer(&self->retired, lull_freezer_free);
    return G_SOURCE_REMOVE;
}

static void
do_start(LullEngine *self)
{
    const LullOperation *operation = self->operation;
    g_autofree LullFreezerMount *mounts = g_new0(LullFreezerMount, operation->n_freeze + 1);
    g_autoptr(GError) error = NULL;

    (void)free_retired(self);
    for (guint i = 0; i < operation->n_freeze; i++) {
        const LullPlanEntry *entry = g_ptr_array_index(operation->plan, i);

        mounts[i] = (LullFreezerMount){entry->mountpoint, entry->opened_as, entry->counter};
    }
    if (operation->n_freeze == 0) {
        post(self, (LullEvent){.kind = LULL_EVENT_PREPARED});
        return;
    }
    self->marker_fd = lull_record_open_marker(self->config.state_dir, &error);
    if (self->marker_fd >= 0)
        self->freezer = lull_freezer_start(self->config.freezer, mounts, operation->n_freeze, self->marker_fd,
                                           on_freezer, self, &error);
    if (!self->freezer)
        post(self, (LullEvent){.kind = LULL_EVENT_LOST, .broken = g_intern_string(error->message)});
    lull_step(LULL_STEP_AGENT_PREPARE_ACCEPTED);
}

static void
make_epoch(char *ret_epoch)
{
    guint8 bytes[LULL_EPOCH_LENGTH / 2];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        g_error("no random bytes: %s", g_strerror(errno));
    for (gsize i = 0; i < sizeof bytes; i++)
        g_snprintf(ret_epoch + 2 * i, 3, "%02x", bytes[i]);
}

/* From here until do_end() nothing may log, use a file name or run a program. */
static void
do_freeze(LullEngine *self)
{
    g_autoptr(GError) error = NULL;

    if (!self->freezer) {
        post(self, (LullEvent){.kind = LULL_EVENT_FROZEN, .n_frozen = 0});
        return;
    }
    if (!lull_record_write(self->config.state_dir, self->operation, self->boot_id, &error)) {
        post(self, (LullEvent){.kind = LULL_EVENT_FREEZE_FAILED, .broken = g_intern_string(error->message)});
        return;
    }
    lull_step(LULL_STEP_AGENT_STATE_WRITTEN);
    lull_log_hold(TRUE);
    lull_freezer_freeze(self->freezer, self->machine.lease / 1000, self->operation->standard);
    lull_step(LULL_STEP_AGENT_FREEZE_SENT);
}

static void
do_thaw(LullEngine *self)
{
    if (!self->freezer) {
        post(self, (LullEvent){.kind = LULL_EVENT_THAWED});
        return;
    }
    lull_freezer_thaw(self->freezer, self->machine.reason);
    lull_step(LULL_STEP_AGENT_THAW_SENT);
}

static void
do_end(LullEngine *self)
{
    self->retired = g_steal_pointer(&self->freezer);
    if (self->retired)
        g_idle_add(free_retired, self);
    if (self->marker_fd >= 0)
        (void)close(self->marker_fd);
    self->marker_fd = -1;
    lull_record_remove(self->config.state_dir);
    lull_log_hold(FALSE);
    g_message("operation %s: proof %s%s%s", self->operation->op, lull_proof_to_string(self->machine.proof),
              self->machine.reason ? ", " : "", self->machine.reason ? self->machine.reason : "");
    if (self->stopped)
        g_idle_add(self->stopped, self->stopped_data);
}

/* ------- answers */

static void
answer(LullEngine *self, LullJson *value, const GError *error)
{
    LullDone done = self->done;

    if (self->wait == WAIT_NONE) {
        json_object_put(value);
        return;
    }
    self->wait = WAIT_NONE;
    done(value, error, self->done_data);
}

static void
answer_error(LullEngine *self, LullError code, const char *text)
{
    g_autoptr(GError) error = g_error_new_literal(LULL_ERROR, (int)code, text);

    answer(self, NULL, error);
}

static void
answer_failed(LullEngine *self)
{
    const LullMachine *machine = &self->machine;
    g_autofree char *failure = lull_operation_first_failure(self->operation);
    const char *why = machine->reason ? machine->reason : failure ? failure : "freeze failed";
    g_autofree char *text = machine->timed_out && !strstr(why, "timed out")
                                ? g_strconcat("timed out: ", why, NULL)
                                : g_strdup(why);

    if (failure && why != failure && !machine->timed_out) {
        g_free(text);
        text = g_steal_pointer(&failure);
    }
    answer_error(self, machine->timed_out ? LULL_ERROR_TIMED_OUT : LULL_ERROR_FAILED, text);
}

static void
answer_freeze(LullEngine *self)
{
    const LullMachine *machine = &self->machine;
    LullJson *value;

    if (machine->phase != LULL_PHASE_FROZEN && (machine->phase != LULL_PHASE_IDLE || machine->reason)) {
        answer_failed(self);
        return;
    }
    if (machine->phase == LULL_PHASE_FROZEN)
        make_epoch(self->operation->epoch);
    value = self->wait == WAIT_FREEZE
                ? lull_operation_freeze_answer(self->operation, self->boot_id)
                : json_object_new_int64(machine->phase == LULL_PHASE_FROZEN
                                            ? (gint64)lull_operation_n_frozen(self->operation)
                                            : 0);
    answer(self, value, NULL);
}

static LullJson *
undone(LullPhase from)
{
    LullJson *value = json_object_new_object();

    lull_json_set_string(value, "undone",
                         lull_phase_is_frozen(from)                        ? "freeze"
                         : from == LULL_PHASE_IDLE || from == LULL_PHASE_N ? "nothing"
                                                                           : "prepare");
    return value;
}

/* For whoever waits: the machine has reached an answer, or its deadline. */
static void
do_answer(LullEngine *self)
{
    const gboolean over = self->machine.phase == LULL_PHASE_IDLE;

    switch (self->wait) {
    case WAIT_FREEZE:
    case WAIT_STANDARD_FREEZE:
        answer_freeze(self);
        return;
    case WAIT_ABORT:
        if (over || !lull_phase_is_frozen(self->machine.phase)) {
            answer(self, undone(self->wait_from), NULL);
            return;
        }
        break;
    case WAIT_THAW:
        if (over) {
            answer(self, lull_operation_thaw_answer(self->operation, &self->machine), NULL);
            return;
        }
        break;
    case WAIT_STANDARD_THAW:
        if (over) {
            answer(self, json_object_new_int64(lull_operation_n_thawed(self->operation)), NULL);
            return;
        }
        break;
    case WAIT_NONE:
        return;
    }
    answer_error(self, LULL_ERROR_TIMED_OUT, "timed out: the thaw is not confirmed yet, and goes on");
}

/* ------- the machine's shell */

static void
perform(LullEngine *self, guint actions)
{
    if (actions & LULL_DO_START)
        do_start(self);
    if (actions & LULL_DO_FREEZE)
        do_freeze(self);
    if (actions & LULL_DO_RENEW)
        (void)lull_freezer_renew(self->freezer, self->machine.lease / 1000);
    if (actions & LULL_DO_THAW)
        do_thaw(self);
    if (actions & LULL_DO_END)
        do_end(self);
    if (actions & LULL_DO_ANSWER)
        do_answer(self);
}

static gboolean
on_timer(gpointer user_data)
{
    LullEngine *self = user_data;

    self->timer = 0;
    (void)apply(self, (LullEvent){.kind = LULL_EVENT_TICK});
    return G_SOURCE_REMOVE;
}

static void
arm_timer(LullEngine *self)
{
    gint64 wait;

    if (self->timer > 0)
        g_source_remove(self->timer);
    self->timer = 0;
    if (self->machine.deadline == 0)
        return;
    wait = MAX(self->machine.deadline - lull_clock_boottime(), 0) / 1000 + 1;
    self->timer = g_timeout_add((guint)MIN(wait, G_MAXINT), on_timer, self);
}

static LullAnswer
apply(LullEngine *self, LullEvent event)
{
    LullTransition out = lull_machine_step(self->machine, event, lull_clock_boottime());
    const LullAnswer first = out.answer;

    self->machine = out.next;
    if (self->working) {
        perform(self, out.actions);
        return first;
    }
    self->working = TRUE;
    perform(self, out.actions);
    while (!g_queue_is_empty(&self->events)) {
        g_autofree LullEvent *next = g_queue_pop_head(&self->events);

        out = lull_machine_step(self->machine, *next, lull_clock_boottime());
        self->machine = out.next;
        perform(self, out.actions);
    }
    self->working = FALSE;
    arm_timer(self);
    return first;
}

/* ------- life */

static void
recover(LullEngine *self)
{
    LullRecovery recovery;

    lull_recover(self->config.state_dir, self->boot_id, &recovery);
    if (recovery.op) {
        self->operation = lull_operation_new(recovery.op, recovery.standard, g_ptr_array_new());
        self->machine.proof = LULL_PROOF_BROKEN;
        self->machine.reason = LULL_BROKEN_AGENT;
        g_message("operation %s was interrupted; %u file systems were still frozen and are thawed",
                  recovery.op, recovery.n_thawed);
    }
    lull_recovery_clear(&recovery);
}

LullEngine *
lull_engine_new(const LullEngineConfig *config, GError **error)
{
    LullEngine *self;

    if (g_mkdir_with_parents(config->state_dir, 0755) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "state folder %s: %s", config->state_dir,
                    g_strerror(errno));
        return NULL;
    }
    self = g_new0(LullEngine, 1);
    self->config = *config;
    self->marker_fd = -1;
    self->boot_id = lull_clock_boot_id();
    if (!self->boot_id)
        self->boot_id = g_strdup("");
    g_queue_init(&self->events);
    recover(self);
    return self;
}

void
lull_engine_free(LullEngine *self)
{
    if (!self)
        return;
    if (self->timer > 0)
        g_source_remove(self->timer);
    while (g_idle_remove_by_data(self))
        continue;
    answer_error(self, LULL_ERROR_LOST, "the agent stops");
    lull_freezer_free(self->retired);
    if (self->freezer) {
        g_clear_pointer(&self->freezer, lull_freezer_free);
        lull_record_remove(self->config.state_dir);
        lull_log_hold(FALSE);
    }
    if (self->marker_fd >= 0)
        (void)close(self->marker_fd);
    lull_operation_free(self->operation);
    g_free(self->boot_id);
    g_free(self);
}

/* ------- requests */

static gboolean
is_current(const LullEngine *self, const char *op)
{
    return self->operation && !self->operation->standard && g_strcmp0(self->operation->op, op) == 0;
}

static gboolean
check_op(const char *op, GError **error)
{
    for (const char *at = op; *at; at++)
        if (!g_ascii_isgraph(*at) || at - op >= OP_MAX) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                        "op: at most %d printable characters without blanks", OP_MAX);
            return FALSE;
        }
    if (*op && !g_str_equal(op, LULL_OWNER_STANDARD))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "op: \"%s\" cannot name an operation", op);
    return FALSE;
}

static gboolean
check_lease(gint64 *lease_msec, GError **error)
{
    if (*lease_msec < LULL_LEASE_MIN_MS) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "lease-ms: must be at least %d",
                    LULL_LEASE_MIN_MS);
        return FALSE;
    }
    *lease_msec = MIN(*lease_msec, LULL_LEASE_MAX_MS);
    return TRUE;
}

static const char *
owner(const LullEngine *self)
{
    if (self->machine.phase == LULL_PHASE_IDLE || !self->operation)
        return "";
    return self->operation->standard ? LULL_OWNER_STANDARD : self->operation->op;
}

static char *
describe_other(const LullEngine *self)
{
    return g_strdup_printf("another operation is under way: %s (%s)", owner(self),
                           lull_phase_to_string(self->machine.phase));
}

static gboolean
make_operation(LullEngine *self, const char *op, gboolean standard, const LullPlanRequest *request,
               GError **error)
{
    g_autoptr(LullSurvey) survey = lull_survey_take(self->config.root, error);

    if (!survey)
        return FALSE;
    lull_operation_free(self->operation);
    self->operation = lull_operation_new(op, standard, lull_plan_make(survey, request));
    return TRUE;
}

LullJson *
lull_engine_prepare(LullEngine *self, LullJson *arguments, GError **error)
{
    const char *op = lull_json_string(arguments, "op", "");
    const LullPlanRequest request = {.mountpoints = lull_json_array(arguments, "mountpoints"),
                                     .disks = lull_json_array(arguments, "disks")};
    const gint64 budget = lull_json_int(arguments, "budget-ms", LULL_STANDARD_PREPARE_MS);
    LullJson *reply;
    LullAnswer told;

    if (!check_op(op, error))
        return NULL;
    if (budget < 1 || (request.mountpoints && request.disks)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    budget < 1 ? "budget-ms: must be at least 1"
                               : "disks and mountpoints exclude each other");
        return NULL;
    }
    if (self->machine.phase == LULL_PHASE_IDLE && !make_operation(self, op, FALSE, &request, error))
        return NULL;
    told = apply(self, (LullEvent){.kind = LULL_EVENT_PREPARE,
                                   .is_owner = is_current(self, op),
                                   .duration = LULL_MSEC(MIN(budget, G_MAXINT))});
    reply = json_object_new_object();
    lull_json_set_int(reply, "protocol", LULL_QUIESCE_PROTOCOL);
    lull_json_set_bool(reply, "accepted", told == LULL_ANSWER_NOW);
    if (told != LULL_ANSWER_NOW)
        lull_json_set_string(reply, "owner", owner(self));
    lull_json_set_string(reply, "phase", lull_phase_to_string(self->machine.phase));
    return reply;
}

/* Who waits is set before the event, since the answer may come before apply() returns. */
static LullAnswer
ask(LullEngine *self, Wait wait, LullEvent event, LullDone done, gpointer user_data)
{
    self->wait = wait;
    self->wait_from = self->machine.phase;
    self->done = done;
    self->done_data = user_data;
    return apply(self, event);
}

void
lull_engine_freeze(LullEngine *self, LullJson *arguments, LullDone done, gpointer user_data)
{
    const char *op = lull_json_string(arguments, "op", "");
    gint64 lease = lull_json_int(arguments, "lease-ms", 0);
    const gboolean mine = is_current(self, op);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    if (!check_lease(&lease, &error)) {
        done(NULL, error, user_data);
        return;
    }
    switch (ask(self, WAIT_FREEZE,
                (LullEvent){.kind = LULL_EVENT_FREEZE, .is_owner = mine, .duration = LULL_MSEC(lease)}, done,
                user_data)) {
    case LULL_ANSWER_NOW:
        answer(self, lull_operation_freeze_answer(self->operation, self->boot_id), NULL);
        break;
    case LULL_ANSWER_PAST:
        text = g_strdup_printf("not prepared: %s",
                               mine && self->machine.reason ? self->machine.reason : "no such operation");
        answer_error(self, mine && self->machine.timed_out ? LULL_ERROR_TIMED_OUT : LULL_ERROR_NOT_FOUND,
                     text);
        break;
    case LULL_ANSWER_OTHER:
        text = describe_other(self);
        answer_error(self, LULL_ERROR_BUSY, text);
        break;
    case LULL_ANSWER_NOT_YET:
        answer_error(self, LULL_ERROR_BUSY, "still preparing: ask for the status until it is prepared");
        break;
    case LULL_ANSWER_LATER:
    case LULL_ANSWER_NONE:
        break;
    }
}

void
lull_engine_standard_freeze(LullEngine *self, LullJson *mountpoints, LullDone done, gpointer user_data)
{
    const LullPlanRequest request = {.mountpoints = mountpoints, .ignore_unknown = TRUE};
    g_autoptr(GError) error = NULL;
    g_autofree char *failure = NULL;

    if (self->machine.phase != LULL_PHASE_IDLE) {
        failure = describe_other(self);
        error = g_error_new_literal(LULL_ERROR, LULL_ERROR_BUSY, failure);
    } else if (make_operation(self, LULL_OWNER_STANDARD, TRUE, &request, &error)) {
        failure = lull_operation_first_failure(self->operation);
        if (failure)
            error = g_error_new_literal(LULL_ERROR, LULL_ERROR_FAILED, failure);
    }
    if (error) {
        done(NULL, error, user_data);
        return;
    }
    (void)ask(self, WAIT_STANDARD_FREEZE,
              (LullEvent){.kind = LULL_EVENT_STANDARD_FREEZE,
                          .duration = LULL_MSEC(self->config.standard_lease_msec)},
              done, user_data);
}

void
lull_engine_standard_thaw(LullEngine *self, LullDone done, gpointer user_data)
{
    const LullAnswer told =
        ask(self, WAIT_STANDARD_THAW, (LullEvent){.kind = LULL_EVENT_STANDARD_THAW}, done, user_data);

    if (told != LULL_ANSWER_LATER)
        answer(self, json_object_new_int64(0), NULL);
}

static LullJson *
unknown_operation(void)
{
    const LullMachine none = {.reason = "no such operation"};
    g_autoptr(LullOperation) empty = lull_operation_new("", FALSE, g_ptr_array_new());

    return lull_operation_thaw_answer(empty, &none);
}

static gboolean
is_other_epoch(const LullEngine *self, LullJson *arguments)
{
    return self->machine.phase == LULL_PHASE_FROZEN &&
           !g_str_equal(lull_json_string(arguments, "epoch", ""), self->operation->epoch);
}

void
lull_engine_thaw(LullEngine *self, LullJson *arguments, LullDone done, gpointer user_data)
{
    const gboolean mine = is_current(self, lull_json_string(arguments, "op", ""));
    const LullEvent event = {
        .kind = LULL_EVENT_THAW, .is_owner = mine, .other_epoch = mine && is_other_epoch(self, arguments)};
    g_autofree char *text = NULL;

    switch (ask(self, WAIT_THAW, event, done, user_data)) {
    case LULL_ANSWER_PAST:
        answer(self, mine ? lull_operation_thaw_answer(self->operation, &self->machine) : unknown_operation(),
               NULL);
        break;
    case LULL_ANSWER_OTHER:
        text = describe_other(self);
        answer_error(self, LULL_ERROR_BUSY, text);
        break;
    case LULL_ANSWER_LATER:
    case LULL_ANSWER_NOW:
    case LULL_ANSWER_NOT_YET:
    case LULL_ANSWER_NONE:
        break;
    }
}

void
lull_engine_abort(LullEngine *self, LullJson *arguments, LullDone done, gpointer user_data)
{
    const gboolean mine = is_current(self, lull_json_string(arguments, "op", ""));

    if (ask(self, WAIT_ABORT, (LullEvent){.kind = LULL_EVENT_ABORT, .is_owner = mine}, done, user_data) !=
        LULL_ANSWER_LATER)
        answer(self, undone(LULL_PHASE_IDLE), NULL);
}

LullJson *
lull_engine_renew(LullEngine *self, LullJson *arguments, GError **error)
{
    gint64 lease = lull_json_int(arguments, "lease-ms", 0);
    const gboolean mine = is_current(self, lull_json_string(arguments, "op", ""));
    const gboolean other_epoch = mine && is_other_epoch(self, arguments);
    gint64 remaining = 0;
    LullJson *reply;

    if (!check_lease(&lease, error))
        return NULL;
    if (apply(self, (LullEvent){.kind = LULL_EVENT_RENEW,
                                .is_owner = mine,
                                .other_epoch = other_epoch,
                                .duration = LULL_MSEC(lease)}) == LULL_ANSWER_NOW &&
        self->freezer)
        remaining = lull_freezer_remaining_msec(self->freezer);
    reply = json_object_new_object();
    lull_json_set_int(reply, "remaining-ms", MAX(remaining, 0));
    if (remaining <= 0)
        lull_json_set_string(reply, "broken",
                             !mine                                      ? "no such operation"
                             : other_epoch                              ? "another epoch"
                             : self->machine.reason                     ? self->machine.reason
                             : self->machine.phase == LULL_PHASE_FROZEN ? LULL_BROKEN_LEASE
                                                                        : "not frozen");
    return reply;
}

static LullJson *
last_result(const LullEngine *self)
{
    LullJson *last = lull_operation_thaw_answer(self->operation, &self->machine);

    lull_json_set_string(last, "op", self->operation->op);
    lull_json_set_string(last, "result", lull_proof_to_string(self->machine.proof));
    lull_json_set_bool(last, "timed-out", self->machine.timed_out);
    return last;
}

LullJson *
lull_engine_status(LullEngine *self)
{
    const gboolean idle = self->machine.phase == LULL_PHASE_IDLE;
    const gboolean frozen = self->machine.phase == LULL_PHASE_FROZEN;
    LullJson *status = json_object_new_object();

    lull_json_set_string(status, "phase", lull_phase_to_string(self->machine.phase));
    lull_json_set_string(status, "op", idle ? "" : self->operation->op);
    lull_json_set_string(status, "owner", owner(self));
    lull_json_set_int(status, "epoch-age-ms",
                      frozen ? (lull_clock_boottime() - self->operation->frozen_at) / 1000 : 0);
    lull_json_set_int(status, "remaining-ms",
                      frozen && self->freezer ? MAX(lull_freezer_remaining_msec(self->freezer), 0) : 0);
    lull_json_set_string(status, "boot-id", self->boot_id);
    lull_json_set_int(status, "hold-budget-ms", LULL_LEASE_MAX_MS);
    lull_json_take(status, "filesystems",
                   idle ? json_object_new_array() : lull_operation_filesystems(self->operation));
    if (idle && self->operation)
        lull_json_take(status, "last", last_result(self));
    return status;
}

void
lull_engine_hurry(LullEngine *self, const char *op)
{
    if (self->wait != WAIT_FREEZE && self->wait != WAIT_STANDARD_FREEZE)
        return;
    if (!op)
        (void)apply(self, (LullEvent){.kind = LULL_EVENT_STANDARD_THAW});
    else if (is_current(self, op))
        (void)apply(self, (LullEvent){.kind = LULL_EVENT_THAW, .is_owner = TRUE});
}

void
lull_engine_stop(LullEngine *self, GSourceFunc stopped, gpointer user_data)
{
    self->stopped = stopped;
    self->stopped_data = user_data;
    if (apply(self, (LullEvent){.kind = LULL_EVENT_STOP}) == LULL_ANSWER_NOW)
        g_idle_add(stopped, user_data);
}

gboolean
lull_engine_is_frozen(const LullEngine *self)
{
    return lull_phase_is_frozen(self->machine.phase);
}

char *
lull_engine_describe_freeze(LullEngine *self)
{
    const gint64 now = lull_clock_boottime();
    const gint64 since = self->operation->frozen_at > 0 ? self->operation->frozen_at : now;
    const gint64 left = self->freezer ? MAX(lull_freezer_remaining_msec(self->freezer), 0) : 0;

    return g_strdup_printf("owner %s, since %.1f s, for at most %.1f s more", owner(self),
                           (double)(now - since) / G_USEC_PER_SEC, (double)left / 1000);
}
