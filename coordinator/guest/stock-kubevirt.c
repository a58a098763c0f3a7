/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/stock-way.h"

#include "coordinator/guest/freeze-api.h"
#include "protocol/clock.h"
#include "protocol/error.h"

/* KubeVirt freezes and has the timer. What its answer is worth is asked of the agent, since it says neither
 * how many file systems it froze nor, of a guest that is frozen already, that it did nothing; and what the
 * instance's status says of it is seconds old. The thaw is ours by libvirt, which needs no API server and
 * tells the count; then KubeVirt is told, or its timer would thaw the next freeze. */

#define CHECK_USEC    LULL_SEC(5)
#define UNFREEZE_USEC LULL_SEC(3)
#define TIMER_MAX     (LULL_GUEST_HOLD_MAX / G_USEC_PER_SEC)

typedef struct {
    gboolean sent;       /* a freeze, which KubeVirt may have got */
    gboolean unanswered; /* and it did not say what became of it */
} Keeper;

gint64
lull_stock_timer(gint64 lease_usec)
{
    const gint64 whole = CLAMP(lease_usec, 0, LULL_GUEST_HOLD_MAX) + G_USEC_PER_SEC - 1;

    return CLAMP(whole / G_USEC_PER_SEC, 1, TIMER_MAX);
}

gboolean
lull_stock_is_refusal(const GError *error)
{
    return lull_error_is(error, LULL_ERROR_NOT_FOUND) || lull_error_is(error, LULL_ERROR_CONFLICT) ||
           lull_error_is(error, LULL_ERROR_DENIED);
}

/* Of these nobody knows whether the guest was asked, or is yet to be. */
static gboolean
is_unanswered(const GError *error)
{
    return lull_error_is(error, LULL_ERROR_TIMED_OUT) || lull_error_is(error, LULL_ERROR_LOST);
}

static gpointer
kubevirt_start(LullGuestHold *self, GError **error)
{
    const LullFreezeApi *api = self->freeze_api;

    if (!api->check(api->data, CHECK_USEC, error)) {
        g_prefix_error(error, "KubeVirt, which is to freeze the guest: ");
        return NULL;
    }
    return g_new0(Keeper, 1);
}

/* It said that it has frozen the guest. */
static gboolean
check_frozen(LullGuestHold *self, GError **error)
{
    gboolean frozen = FALSE;

    if (!lull_stock_ask(self, LULL_STOCK_CALL_USEC, &frozen, error)) {
        g_prefix_error(error, "KubeVirt has frozen the guest, and its agent does not say so: ");
        return FALSE;
    }
    if (!frozen)
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED,
                    "KubeVirt says that the guest is frozen, and its agent that it is not: there may be "
                    "nothing to freeze");
    return frozen;
}

static gboolean
kubevirt_freeze(LullGuestHold *self, gpointer data, gint64 lease_usec, LullStockFreeze *ret_freeze,
                GError **error)
{
    const LullFreezeApi *api = self->freeze_api;
    const gint64 patience = MIN(LULL_STOCK_FREEZE_USEC, lease_usec);
    g_autoptr(GError) problem = NULL;
    Keeper *keeper = data;
    gboolean answered;

    /* Where somebody else was faster KubeVirt says that all is well, and has no timer. */
    if (!lull_stock_is_free(self, LULL_STOCK_CALL_USEC, error))
        return FALSE;
    ret_freeze->sent = lull_clock_boottime();
    answered = api->freeze(api->data, self->ns, self->name, lull_stock_timer(lease_usec), patience, &problem);
    self->facts.freeze_usec = lull_clock_boottime() - ret_freeze->sent;
    if (answered) {
        keeper->sent = TRUE;
        return check_frozen(self, error);
    }
    if (lull_stock_is_refusal(problem))
        ret_freeze->sent = 0; /* a guest that is frozen now was frozen by somebody else */
    keeper->sent = ret_freeze->sent != 0;
    keeper->unanswered = is_unanswered(problem);
    g_propagate_prefixed_error(error, g_steal_pointer(&problem), "KubeVirt did not freeze the guest: ");
    return FALSE;
}

static void
unfreeze(LullGuestHold *self, const Keeper *keeper)
{
    const LullFreezeApi *api = self->freeze_api;
    g_autoptr(GError) problem = NULL;

    if (keeper->sent && !api->unfreeze(api->data, self->ns, self->name, UNFREEZE_USEC, &problem))
        g_message("%s: KubeVirt could not be told to thaw it, and does when its timer ends: %s", self->name,
                  problem->message);
}

static gboolean
kubevirt_release(LullGuestHold *self, gpointer keeper)
{
    unfreeze(self, keeper);
    return !((const Keeper *)keeper)->unanswered;
}

const LullStockWay lull_stock_way_kubevirt = {
    .dead_man = "KubeVirt's timer",
    .start = kubevirt_start,
    .freeze = kubevirt_freeze,
    .release = kubevirt_release,
    .free = g_free,
};
