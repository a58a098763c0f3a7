/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/guest/agent-call.h"
#include "coordinator/guest/hold-disks.h"
#include "coordinator/guest/hold-private.h"
#include "coordinator/guest/lease.h"
#include "coordinator/guest/pace.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

/* Our agent: prepare and poll, freeze under a lease, renew it from another thread, thaw with a verdict. */

#define CALL_USEC        LULL_SEC(2) /* no command of ours takes longer than 1 s ... */
#define THAW_USEC        LULL_SEC(3) /* ... but the thaw: 2 s */
#define RETRY_FIRST_USEC LULL_MSEC(20)
#define RETRY_MAX_USEC   LULL_MSEC(250)

typedef struct {
    gint64 asked; /* boot clock: when the prepare was sent that was accepted */
    char *epoch;
    char *boot_id;
    LullLine line; /* the renewals' own */
    GThread *renewer;
    GMutex lock; /* for the rest */
    GCond cond;
    gint64 lease_usec; /* 0: not frozen yet */
    gint64 until;      /* boot clock: no lease beyond this */
    char *broken;      /* why, as a renewal told, whatever the thaw will say */
    gboolean stop;
} EpochState;

static LullJson *
arguments(const LullGuestHold *self)
{
    LullJson *args = json_object_new_object();

    lull_json_set_string(args, "op", self->op);
    return args;
}

static void
sleep_until(gint64 pause, gint64 until)
{
    const gint64 left = until - lull_clock_boottime();

    if (left > 0)
        g_usleep((gulong)MIN(pause, left));
}

static gint64
pause_before_retry(gint64 pause, gint64 until)
{
    sleep_until(pause, until);
    return MIN(pause * 2, RETRY_MAX_USEC);
}

/* A lease bears three tries. */
static gint64
renewal_interval(const EpochState *state)
{
    return MIN(LULL_MSEC(LULL_LEASE_RENEW_MS), state->lease_usec / 3);
}

/* Renewals go on while the caller sits in a cut; one that failed is tried again soon. A caller that sits
 * there for good gets no more of them. */
static gpointer
renew(gpointer data)
{
    LullGuestHold *self = data;
    EpochState *state = self->state;
    gboolean failed = FALSE;

    g_mutex_lock(&state->lock);
    while (!state->stop) {
        g_autoptr(LullJson) reply = NULL;
        g_autofree char *broken = NULL;
        LullJson *args;
        gint64 lease;

        if (!state->lease_usec) {
            g_cond_wait(&state->cond, &state->lock);
            continue;
        }
        if (g_cond_wait_until(&state->cond, &state->lock,
                              g_get_monotonic_time() + renewal_interval(state) / (failed ? 5 : 1)))
            continue;
        lease = lull_lease_next(state->lease_usec, state->until, lull_clock_boottime());
        if (!lease)
            break;
        args = arguments(self);
        lull_json_set_string(args, "epoch", state->epoch);
        lull_json_set_int(args, "lease-ms", lease / 1000);
        g_mutex_unlock(&state->lock);
        lull_line_mend(&state->line);
        reply = lull_agent_call(state->line.domain, LULL_CMD_RENEW, args, LULL_SEC(1), NULL);
        broken = reply ? lull_reply_renew(reply) : NULL;
        failed = !reply;
        g_mutex_lock(&state->lock);
        if (broken && !state->stop) { /* once a thaw is on its way, it is no wonder */
            state->stop = TRUE;
            state->broken = g_steal_pointer(&broken);
        }
    }
    g_mutex_unlock(&state->lock);
    return NULL;
}

static gboolean
start_renewer(LullGuestHold *self, GError **error)
{
    EpochState *state = self->state;

    if (!lull_line_open(&state->line, self->host, self->uid, error))
        return FALSE;
    state->renewer = g_thread_new("renewals", renew, self);
    return TRUE;
}

static void
stop_renewer(EpochState *state)
{
    g_mutex_lock(&state->lock);
    state->stop = TRUE;
    g_cond_signal(&state->cond);
    g_mutex_unlock(&state->lock);
}

static LullJson *
prepare_arguments(LullGuestHold *self, gint64 budget_usec)
{
    LullJson *args = arguments(self);
    LullJson *disks = lull_guest_hold_disks_to_ask(self->volumes);

    lull_json_set_int(args, "budget-ms", budget_usec / 1000);
    if (disks)
        lull_json_take(args, "disks", disks);
    return args;
}

/* TRUE: accepted. FALSE without an error: another operation is in the way, which may be just ending. */
static gboolean
send_prepare_once(LullGuestHold *self, gint64 budget_usec, char **ret_owner, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) reply = lull_agent_call(self->line.domain, LULL_CMD_PREPARE,
                                                prepare_arguments(self, budget_usec), CALL_USEC, &problem);
    gboolean accepted = FALSE;

    if (reply)
        return lull_reply_prepare(reply, &accepted, ret_owner, error) && accepted;
    if (lull_error_is(problem, LULL_ERROR_FAILED) && strstr(problem->message, "frozen state"))
        *ret_owner = g_strdup(problem->message); /* the command is switched off meanwhile */
    else
        g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean
send_prepare(LullGuestHold *self, gint64 budget_usec, gint64 until, GError **error)
{
    EpochState *state = self->state;
    gint64 pause = RETRY_FIRST_USEC;

    for (;;) {
        g_autoptr(GError) problem = NULL;
        g_autofree char *owner = NULL;

        state->asked = lull_clock_boottime();
        if (send_prepare_once(self, budget_usec, &owner, &problem))
            return TRUE;
        if (problem) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        if (lull_clock_boottime() >= until) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "the guest is held by another operation: %s",
                        owner);
            return FALSE;
        }
        pause = pause_before_retry(pause, until);
    }
}

static gboolean
wait_prepared(LullGuestHold *self, gint64 until, GError **error)
{
    EpochState *state = self->state;

    for (;;) {
        g_autoptr(LullJson) reply =
            lull_agent_call(self->line.domain, LULL_CMD_STATUS, NULL, CALL_USEC, error);
        g_auto(LullAgentStatus) status = {LULL_PHASE_IDLE};

        if (!reply || !lull_reply_status(reply, &status, error))
            return FALSE;
        if (status.phase == LULL_PHASE_PREPARED && g_strcmp0(status.op, self->op) == 0) {
            self->facts.hold_budget = status.hold_budget_usec;
            lull_json_put(self->rows);
            self->rows = g_steal_pointer(&status.filesystems);
            return TRUE;
        }
        if (status.phase != LULL_PHASE_PREPARING || g_strcmp0(status.op, self->op) != 0) {
            g_set_error(error, LULL_ERROR, status.last_timed_out ? LULL_ERROR_TIMED_OUT : LULL_ERROR_FAILED,
                        "the agent could not prepare: %s",
                        status.last_problem ? status.last_problem : "it does not say why");
            return FALSE;
        }
        if (lull_clock_boottime() >= until) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                        "the guest was not prepared in time: give it more, or look at its load");
            return FALSE;
        }
        sleep_until(lull_pace_pause(lull_clock_boottime() - state->asked), until);
    }
}

static gboolean
epoch_prepare(LullGuestHold *self, gint64 budget_usec)
{
    const gint64 until = lull_clock_boottime() + budget_usec;
    g_autoptr(GError) error = NULL;
    EpochState *state = g_new0(EpochState, 1);

    g_mutex_init(&state->lock);
    g_cond_init(&state->cond);
    self->state = state;
    /* what is needed only later is done while the guest prepares */
    if (send_prepare(self, budget_usec, until, &error) && start_renewer(self, &error) &&
        wait_prepared(self, until, &error)) {
        lull_guest_hold_set_rows(self, self->rows);
        return TRUE;
    }
    lull_guest_hold_fail(self, error);
    return FALSE;
}

static gint64
cap_lease(gint64 lease_usec)
{
    return CLAMP(lease_usec, LULL_MSEC(LULL_LEASE_MIN_MS), LULL_MSEC(LULL_LEASE_MAX_MS));
}

static gboolean
epoch_freeze(LullGuestHold *self, gint64 lease_usec, gint64 total_usec)
{
    EpochState *state = self->state;
    const gint64 total = self->facts.hold_budget ? MIN(total_usec, self->facts.hold_budget) : total_usec;
    const gint64 lease = cap_lease(MIN(lease_usec, total));
    const gint64 until = lull_clock_boottime() + total;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) reply = NULL;
    g_auto(LullFreezeReply) freeze = {NULL};
    LullJson *args = arguments(self);

    lull_json_set_int(args, "lease-ms", lease / 1000);
    /* bounded by half the lease on the agent's side */
    reply = lull_agent_call(self->line.domain, LULL_CMD_FREEZE, args, lease / 2 + CALL_USEC / 2, &error);
    if (!reply || !lull_reply_freeze(reply, &freeze, &error)) {
        lull_guest_hold_fail(self, error);
        return FALSE;
    }
    self->unread = g_steal_pointer(&reply);
    if (!freeze.epoch) {
        lull_guest_hold_read_rows(self);
        lull_guest_hold_find_nothing(self, &error);
        lull_guest_hold_fail(self, error);
        return FALSE;
    }
    self->facts.freeze_usec = freeze.freeze_usec;
    g_mutex_lock(&state->lock);
    state->epoch = g_steal_pointer(&freeze.epoch);
    state->boot_id = g_steal_pointer(&freeze.boot_id);
    state->lease_usec = lease;
    state->until = until;
    g_cond_signal(&state->cond);
    g_mutex_unlock(&state->lock);
    return TRUE;
}

/* The agent knows of no freeze, but there was one: why? */
static const char *
why_unknown(LullGuestHold *self)
{
    const EpochState *state = self->state;
    g_autoptr(LullJson) reply = lull_agent_call(self->line.domain, LULL_CMD_STATUS, NULL, CALL_USEC, NULL);
    g_auto(LullAgentStatus) status = {LULL_PHASE_IDLE};

    if (reply && lull_reply_status(reply, &status, NULL) && status.boot_id && state->boot_id &&
        !g_str_equal(status.boot_id, state->boot_id))
        return LULL_BROKEN_REBOOT;
    return LULL_BROKEN_AGENT;
}

/* Why an epoch that the thaw calls held was none; NULL: nothing speaks against it. New string. */
static char *
contradiction(EpochState *state, const LullThawReply *thaw)
{
    g_autofree char *broken = NULL;

    g_mutex_lock(&state->lock);
    broken = g_strdup(state->broken);
    g_mutex_unlock(&state->lock);
    if (!broken && thaw->epoch && g_strcmp0(thaw->epoch, state->epoch) != 0)
        broken = g_strdup("the agent tells of another epoch");
    return g_steal_pointer(&broken);
}

static void
take_verdict(LullGuestHold *self, const LullThawReply *thaw)
{
    LullGuestHoldFacts *facts = &self->facts;
    g_autofree char *otherwise = thaw->held ? contradiction(self->state, thaw) : NULL;

    facts->held = thaw->held;
    if (otherwise)
        lull_guest_hold_break(self, otherwise, g_str_equal(otherwise, LULL_BROKEN_LEASE));
    else if (thaw->unknown)
        lull_guest_hold_break(self, why_unknown(self), FALSE);
    else if (!thaw->held)
        lull_guest_hold_break(self, thaw->broken, g_str_equal(thaw->broken, LULL_BROKEN_LEASE));
    facts->window_usec = thaw->window_usec;
    facts->window_measured = thaw->window_usec > 0;
    facts->thaw_usec = thaw->thaw_usec;
    if (thaw->freeze_usec)
        facts->freeze_usec = thaw->freeze_usec;
    lull_guest_hold_read_rows(self);
    if (json_object_array_length(thaw->filesystems))
        lull_guest_hold_set_rows(self, thaw->filesystems);
    lull_json_put(facts->writers);
    facts->writers = json_object_get(thaw->writers);
}

/* An agent that died is started again at once and can still tell: hence tries until the budget is over. */
static gboolean
thaw_frozen(LullGuestHold *self, gint64 until)
{
    EpochState *state = self->state;
    gint64 pause = RETRY_FIRST_USEC;
    const char *gone = NULL;

    for (;;) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) reply = NULL;
        g_auto(LullThawReply) thaw = {FALSE};
        LullJson *args = arguments(self);

        lull_json_set_string(args, "epoch", state->epoch ? state->epoch : "");
        lull_line_mend(&self->line);
        reply = lull_agent_call(self->line.domain, LULL_CMD_THAW, args, THAW_USEC, &error);
        if (reply && lull_reply_thaw(reply, &thaw, &error)) {
            take_verdict(self, &thaw);
            return TRUE;
        }
        if (lull_guest_fate(&self->line, &gone) != LULL_GUEST_HERE) {
            lull_guest_hold_break(self, gone, FALSE);
            return TRUE;
        }
        if (lull_agent_denies(error)) {
            lull_guest_hold_break(self, error->message, FALSE);
            return TRUE;
        }
        if (lull_clock_boottime() >= until) {
            lull_guest_hold_break(
                self, lull_error_is(error, LULL_ERROR_LOST) ? LULL_BROKEN_AGENT : error->message,
                lull_error_is(error, LULL_ERROR_TIMED_OUT) || lull_error_is(error, LULL_ERROR_FAILED));
            return FALSE;
        }
        pause = pause_before_retry(pause, until);
    }
}

gboolean
lull_agent_end(LullLine *line, const char *op, gint64 until, GError **error)
{
    gint64 pause = RETRY_FIRST_USEC;
    const char *gone = NULL;

    for (;;) {
        g_autoptr(GError) problem = NULL;
        g_autoptr(LullJson) aborted = NULL;
        LullJson *args = json_object_new_object();

        lull_json_set_string(args, "op", op);
        lull_json_set_string(args, "epoch", "");
        lull_line_mend(line);
        lull_json_put(lull_agent_call(line->domain, LULL_CMD_THAW, args, THAW_USEC, NULL));
        args = json_object_new_object();
        lull_json_set_string(args, "op", op);
        aborted = lull_agent_call(line->domain, LULL_CMD_ABORT, args, CALL_USEC, &problem);
        if (aborted || lull_agent_denies(problem) || lull_guest_fate(line, &gone) != LULL_GUEST_HERE)
            return TRUE;
        if (lull_clock_boottime() >= until) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        pause = pause_before_retry(pause, until);
    }
}

static gboolean
epoch_thaw(LullGuestHold *self, gint64 budget_usec)
{
    const gint64 until = lull_clock_boottime() + budget_usec;
    EpochState *state = self->state;
    g_autoptr(GError) error = NULL;

    stop_renewer(state);
    if (self->facts.frozen)
        return thaw_frozen(self, until);
    if (lull_agent_end(&self->line, self->op, until, &error))
        return TRUE;
    lull_guest_hold_fail(self, error);
    return FALSE;
}

static void
epoch_free(LullGuestHold *self)
{
    EpochState *state = self->state;

    stop_renewer(state);
    if (state->renewer)
        g_thread_join(state->renewer);
    lull_line_close(&state->line);
    g_mutex_clear(&state->lock);
    g_cond_clear(&state->cond);
    g_free(state->epoch);
    g_free(state->boot_id);
    g_free(state->broken);
    g_free(state);
}

const LullGuestHoldOps lull_guest_hold_ops_lull = {
    .prepare = epoch_prepare,
    .freeze = epoch_freeze,
    .thaw = epoch_thaw,
    .free = epoch_free,
};
