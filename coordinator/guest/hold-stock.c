/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/agent-call.h"
#include "coordinator/guest/hold-private.h"
#include "coordinator/guest/link.h"
#include "coordinator/guest/stock-way.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

/* Stock qemu-ga: it says how many file systems it froze and nothing else, knows no lease, and runs on after
 * its caller has given up. So: time-outs of ours, thaws until it says thawed, and a dead man beside us. */

#define RETRY_USEC LULL_MSEC(50)

typedef struct {
    const LullStockWay *way;
    gpointer keeper; /* the way's; NULL: nothing was begun */
    LullEventCounts before;
    LullStockFreeze freeze;
} StockState;

gboolean
lull_stock_ask(LullGuestHold *self, gint64 timeout_usec, gboolean *ret_frozen, GError **error)
{
    g_autoptr(LullJson) status =
        lull_agent_call(self->line.domain, "guest-fsfreeze-status", NULL, timeout_usec, error);

    if (!status)
        return FALSE;
    if (lull_reply_is_frozen(status, ret_frozen))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent says neither frozen nor thawed");
    return FALSE;
}

gboolean
lull_stock_is_free(LullGuestHold *self, gint64 timeout_usec, GError **error)
{
    gboolean frozen = TRUE;

    if (!lull_stock_ask(self, timeout_usec, &frozen, error))
        return FALSE;
    if (frozen)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, LULL_FROZEN_BY_OTHERS);
    return !frozen;
}

/* A freeze API that does not answer is none to do without: who is to thaw then? */
static gboolean
choose_way(LullGuestHold *self, StockState *state, GError **error)
{
    const LullFreezeUse use = self->freeze_api ? self->freeze_api->use : LULL_FREEZE_BY_US;
    g_autoptr(GError) problem = NULL;

    state->way = use == LULL_FREEZE_BY_US ? &lull_stock_way_libvirt : &lull_stock_way_kubevirt;
    state->keeper = state->way->start(self, &problem);
    if (!state->keeper && use == LULL_FREEZE_BY_EITHER && lull_error_is(problem, LULL_ERROR_UNSUPPORTED)) {
        g_clear_error(&problem);
        state->way = &lull_stock_way_libvirt;
        state->keeper = state->way->start(self, &problem);
    }
    if (!state->keeper)
        g_propagate_error(error, g_steal_pointer(&problem));
    return state->keeper != NULL;
}

static gboolean
stock_prepare(LullGuestHold *self, gint64 budget_usec)
{
    StockState *state = g_new0(StockState, 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) fsinfo = NULL;

    self->state = state;
    if (!lull_stock_is_free(self, MIN(budget_usec, LULL_STOCK_CALL_USEC), &error) ||
        !choose_way(self, state, &error)) {
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
    g_autoptr(LullJson) thaw =
        lull_agent_call(line->domain, "guest-fsfreeze-thaw", NULL, LULL_STOCK_CALL_USEC, error);
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
    status = lull_agent_call(line->domain, "guest-fsfreeze-status", NULL, LULL_STOCK_CALL_USEC, error);
    if (!status)
        return FALSE;
    if (!lull_reply_is_frozen(status, &frozen))
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent says neither frozen nor thawed");
    else if (frozen)
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT, "the guest still says frozen");
    return !frozen;
}

typedef enum { THAWED, FROZEN, LOST } Thawing;

/* One try. LOST: no other will do. */
static Thawing
stock_try(LullLine *line, const LullGuestElsewhere *elsewhere, gint64 *total, GError **error)
{
    const char *reason = NULL;
    g_autoptr(GError) problem = NULL;

    lull_line_mend(line);
    if (stock_thaw_once(line, total, error))
        return THAWED;
    switch (lull_guest_fate(line, &reason)) {
    case LULL_GUEST_ENDED:
        return THAWED;
    case LULL_GUEST_AWAY:
        if (lull_guest_thaw_elsewhere(elsewhere, &problem) || lull_error_is(problem, LULL_ERROR_NOT_FOUND))
            return THAWED;
        g_clear_error(error);
        g_propagate_error(error, g_steal_pointer(&problem));
        return elsewhere->api ? FROZEN : LOST;
    case LULL_GUEST_HERE:
    case LULL_GUEST_N:
        break;
    }
    return FROZEN;
}

gboolean
lull_stock_thaw_until(LullLine *line, const LullGuestElsewhere *elsewhere, gint64 until, gint64 *ret_count,
                      GError **error)
{
    gint64 total = 0;

    for (;;) {
        g_autoptr(GError) problem = NULL;
        const Thawing thawing = stock_try(line, elsewhere, &total, &problem);

        if (thawing == THAWED) {
            if (ret_count)
                *ret_count = total;
            return TRUE;
        }
        if (thawing == LOST || lull_clock_boottime() >= until) {
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

    state->before = lull_host_event_counts(self->host, self->uid);
    if (state->way->freeze(self, state->keeper, lease_usec, &state->freeze, &error))
        return TRUE;
    lull_guest_hold_fail(self, error);
    return FALSE;
}

/* The agent's own word, right before the thaw: somebody may have thawed the guest behind our back. */
static void
check_still_frozen(LullGuestHold *self)
{
    g_autoptr(GError) error = NULL;
    gboolean frozen = FALSE;
    const char *gone = NULL;

    if (lull_stock_ask(self, LULL_STOCK_CALL_USEC, &frozen, &error)) {
        if (!frozen)
            lull_guest_hold_break(self, LULL_BROKEN_FOREIGN_THAW, FALSE);
    } else if (lull_guest_fate(&self->line, &gone) != LULL_GUEST_HERE) {
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
    if (thawed < MAX(state->freeze.count, 1))
        lull_guest_hold_break(self, LULL_BROKEN_FOREIGN_THAW, FALSE);
}

/* The guest is thawed, of @thawed file systems. */
static void
judge(LullGuestHold *self, gint64 thawed)
{
    const StockState *state = self->state;

    check_undisturbed(self, thawed);
    self->facts.held = !self->facts.broken;
    lull_rows_judge_by_count(self->rows, state->freeze.count ? state->freeze.count : thawed);
    lull_guest_hold_set_rows(self, self->rows);
}

static gboolean
stock_thaw(LullGuestHold *self, gint64 budget_usec)
{
    const gint64 start = lull_clock_boottime();
    const LullGuestElsewhere elsewhere = {self->freeze_api, self->ns, self->name};
    StockState *state = self->state;
    g_autoptr(GError) error = NULL;
    gint64 thawed = 0;

    if (!state->keeper)
        return TRUE;
    if (self->facts.frozen)
        check_still_frozen(self);
    if (state->freeze.sent &&
        !lull_stock_thaw_until(&self->line, &elsewhere, start + budget_usec, &thawed, &error)) {
        lull_guest_hold_break(self, error->message, lull_error_is(error, LULL_ERROR_TIMED_OUT));
        (void)lull_guest_thaw_elsewhere(&elsewhere, NULL); /* a second way to it, wherever it is */
        g_warning("%s: %s: %s goes on trying", self->uid, error->message, state->way->dead_man);
        return FALSE; /* not released: it thaws at its deadline */
    }
    if (state->freeze.sent) {
        const gint64 now = lull_clock_boottime();
        self->facts.thaw_usec = now - start;
        self->facts.window_usec = now - state->freeze.sent;
    }
    if (self->facts.frozen)
        judge(self, thawed);
    return state->way->release(self, state->keeper);
}

static void
stock_free(LullGuestHold *self)
{
    StockState *state = self->state;

    if (state->keeper)
        state->way->free(state->keeper);
    g_free(state);
}

const LullGuestHoldOps lull_guest_hold_ops_stock = {
    .prepare = stock_prepare,
    .freeze = stock_freeze,
    .thaw = stock_thaw,
    .free = stock_free,
};
