/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/guest/agent-call.h"
#include "coordinator/guest/hold-private.h"
#include "coordinator/guest/host-private.h"
#include "coordinator/guest/host-dead-man.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

/* Stock qemu-ga: it says how many file systems it froze and nothing else, knows no lease, and runs on after
 * its caller has given up. So: time-outs of ours, thaws until it says thawed, and a dead man beside us. */

#define CALL_USEC   LULL_SEC(2)
#define FREEZE_USEC LULL_SEC(10)
#define RETRY_USEC  LULL_MSEC(50)

typedef struct {
    LullHostDeadMan *dead_man;
    LullEventCounts before;
    gint64 freeze_sent; /* boot clock; 0: nothing of ours is in the guest */
    gint64 count;
} StockState;

/* Whoever froze a guest has his reasons, and the thaw is his. */
static gboolean
is_frozen_by_others(LullGuestHold *self, gint64 budget_usec, GError **error)
{
    g_autoptr(LullJson) status =
        lull_agent_call(self->line.domain, "guest-fsfreeze-status", NULL, MIN(budget_usec, CALL_USEC), error);
    gboolean frozen = TRUE;

    if (!status)
        return TRUE;
    if (!lull_reply_is_frozen(status, &frozen))
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent says neither frozen nor thawed");
    else if (frozen)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, LULL_FROZEN_BY_OTHERS);
    return frozen;
}

/* A frozen agent has this command switched off: somebody was faster. */
static gboolean
is_refused_as_frozen(const GError *error)
{
    return lull_error_is(error, LULL_ERROR_FAILED) &&
           (strstr(error->message, "frozen state") || strstr(error->message, "has been disabled"));
}

static gboolean
stock_prepare(LullGuestHold *self, gint64 budget_usec)
{
    StockState *state = g_new0(StockState, 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) fsinfo = NULL;

    self->state = state;
    if (is_frozen_by_others(self, budget_usec, &error)) {
        lull_guest_hold_fail(self, error);
        return FALSE;
    }
    state->dead_man = lull_host_dead_man_start(lull_host_uri(self->host),
                                               lull_host_domain_uuid(self->host, self->uid), &error);
    if (!state->dead_man) {
        lull_guest_hold_fail(self, error);
        return FALSE;
    }
    /* only for the report: an agent without it can freeze all the same */
    fsinfo =
        lull_agent_call(self->line.domain, "guest-get-fsinfo", NULL, MIN(budget_usec, LULL_SEC(5)), NULL);
    lull_json_put(self->rows);
    self->rows = lull_reply_fsinfo(fsinfo);
    return TRUE;
}

/* TRUE: it is thawed now, of @total file systems with those that earlier tries undid. */
static gboolean
stock_thaw_once(LullLine *line, gint64 *total, GError **error)
{
    g_autoptr(LullJson) thaw = lull_agent_call(line->domain, "guest-fsfreeze-thaw", NULL, CALL_USEC, error);
    g_autoptr(LullJson) status = NULL;
    gboolean frozen = TRUE;
    gint64 count = 0;

    if (!thaw)
        return FALSE;
    if (!lull_reply_count(thaw, &count)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent's answer is not a count");
        return FALSE;
    }
    *total = count > G_MAXINT64 - *total ? G_MAXINT64 : *total + count;
    /* a thaw that undid something needs no second look; it is the last word of a serial agent */
    if (*total > 0)
        return TRUE;
    status = lull_agent_call(line->domain, "guest-fsfreeze-status", NULL, CALL_USEC, error);
    if (!status)
        return FALSE;
    if (!lull_reply_is_frozen(status, &frozen))
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent says neither frozen nor thawed");
    else if (frozen)
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT, "the guest still says frozen");
    return !frozen;
}

gboolean
lull_stock_thaw_until(LullLine *line, gint64 until, gint64 *ret_count, GError **error)
{
    const char *gone = NULL;
    gint64 total = 0;

    for (;;) {
        g_autoptr(GError) problem = NULL;

        lull_line_mend(line);
        if (stock_thaw_once(line, &total, &problem) || lull_guest_hold_guest_is_gone(line->domain, &gone)) {
            if (ret_count)
                *ret_count = total;
            return TRUE;
        }
        if (lull_clock_boottime() >= until) {
            g_propagate_prefixed_error(error, g_steal_pointer(&problem), "thaw: ");
            return FALSE;
        }
        g_usleep((gulong)RETRY_USEC);
    }
}

static gboolean
stock_freeze(LullGuestHold *self, gint64 lease_usec, gint64 total_usec)
{
    StockState *state = self->state;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) reply = NULL;

    if (!lull_host_dead_man_arm(state->dead_man, lease_usec, &error)) {
        lull_guest_hold_fail(self, error);
        return FALSE;
    }
    state->before = lull_host_event_counts(self->host, self->uid);
    state->freeze_sent = lull_clock_boottime();
    reply = lull_agent_call(self->line.domain, "guest-fsfreeze-freeze", NULL, MIN(FREEZE_USEC, lease_usec),
                            &error);
    self->facts.freeze_usec = lull_clock_boottime() - state->freeze_sent;
    if (is_refused_as_frozen(error)) {
        state->freeze_sent = 0;
        g_clear_error(&error);
        g_set_error(&error, LULL_ERROR, LULL_ERROR_BUSY, LULL_FROZEN_BY_OTHERS);
        lull_guest_hold_fail(self, error);
        return FALSE;
    }
    if (reply && !lull_reply_count(reply, &state->count))
        g_set_error(&error, LULL_ERROR, LULL_ERROR_INVALID,
                    "the agent's answer to the freeze is not a count");
    else if (reply && state->count == 0)
        lull_guest_hold_find_nothing(self, &error);
    if (error) {
        lull_guest_hold_fail(self, error);
        return FALSE;
    }
    return TRUE;
}

/* The agent's own word, right before the thaw: somebody may have thawed the guest behind our back. */
static void
check_still_frozen(LullGuestHold *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) status =
        lull_agent_call(self->line.domain, "guest-fsfreeze-status", NULL, CALL_USEC, &error);
    gboolean frozen = FALSE;
    const char *gone = NULL;

    if (status && lull_reply_is_frozen(status, &frozen)) {
        if (!frozen)
            lull_guest_hold_break(self, LULL_BROKEN_FOREIGN_THAW, FALSE);
    } else if (lull_guest_hold_guest_is_gone(self->line.domain, &gone)) {
        lull_guest_hold_break(self, gone, FALSE);
    } else {
        const gboolean late = lull_error_is(error, LULL_ERROR_TIMED_OUT);
        lull_guest_hold_break(self, late ? "the agent did not answer before the thaw" : LULL_BROKEN_AGENT,
                              late);
    }
}

static void
check_undisturbed(LullGuestHold *self, gint64 thawed)
{
    const StockState *state = self->state;
    const LullEventCounts after = lull_host_event_counts(self->host, self->uid);

    if (after.agent != state->before.agent)
        lull_guest_hold_break(self, "the agent came or went while frozen", FALSE);
    if (after.lifecycle != state->before.lifecycle)
        lull_guest_hold_break(self, "the guest's state changed while frozen", FALSE);
    if (thawed < state->count)
        lull_guest_hold_break(self, LULL_BROKEN_FOREIGN_THAW, FALSE);
}

static gboolean
stock_thaw(LullGuestHold *self, gint64 budget_usec)
{
    const gint64 start = lull_clock_boottime();
    StockState *state = self->state;
    g_autoptr(GError) error = NULL;
    gint64 thawed = 0;

    if (!state->dead_man)
        return TRUE;
    if (self->facts.frozen)
        check_still_frozen(self);
    if (state->freeze_sent && !lull_stock_thaw_until(&self->line, start + budget_usec, &thawed, &error)) {
        lull_guest_hold_break(self, error->message, lull_error_is(error, LULL_ERROR_TIMED_OUT));
        g_warning("%s: %s: the host dead man goes on trying", self->uid, error->message);
        return FALSE; /* not released: it thaws at its deadline */
    }
    if (state->freeze_sent) {
        const gint64 now = lull_clock_boottime();
        self->facts.thaw_usec = now - start;
        self->facts.window_usec = now - state->freeze_sent;
    }
    if (self->facts.frozen) {
        check_undisturbed(self, thawed);
        self->facts.held = !self->facts.broken;
        lull_rows_judge_by_count(self->rows, state->count);
        lull_guest_hold_set_rows(self, self->rows);
    }
    lull_host_dead_man_release(state->dead_man);
    return TRUE;
}

static void
stock_free(LullGuestHold *self)
{
    StockState *state = self->state;

    lull_host_dead_man_free(state->dead_man);
    g_free(state);
}

const LullGuestHoldOps lull_guest_hold_ops_stock = {
    .prepare = stock_prepare,
    .freeze = stock_freeze,
    .thaw = stock_thaw,
    .free = stock_free,
};
