/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/stock-way.h"

#include <string.h>

#include "coordinator/guest/agent-call.h"
#include "coordinator/guest/host-dead-man.h"
#include "coordinator/guest/host-private.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

static gpointer
libvirt_start(LullGuestHold *self, GError **error)
{
    return lull_host_dead_man_start(lull_host_uri(self->host), lull_host_domain_uuid(self->host, self->uid),
                                    error);
}

/* A frozen agent has this command switched off: somebody was faster. */
static gboolean
is_refused_as_frozen(const GError *error)
{
    return lull_error_is(error, LULL_ERROR_FAILED) &&
           (strstr(error->message, "frozen state") || strstr(error->message, "has been disabled"));
}

static gboolean
read_count(LullGuestHold *self, LullJson *reply, gint64 *ret_count, GError **error)
{
    if (!lull_reply_count(reply, ret_count))
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent's answer to the freeze is not a count");
    else if (*ret_count == 0)
        lull_guest_hold_find_nothing(self, error);
    else
        return TRUE;
    return FALSE;
}

static gboolean
libvirt_freeze(LullGuestHold *self, gpointer keeper, gint64 lease_usec, LullStockFreeze *ret_freeze,
               GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) reply = NULL;

    if (!lull_host_dead_man_arm(keeper, lease_usec, error))
        return FALSE;
    ret_freeze->sent = lull_clock_boottime();
    reply = lull_agent_call(self->line.domain, "guest-fsfreeze-freeze", NULL,
                            MIN(LULL_STOCK_FREEZE_USEC, lease_usec), &problem);
    self->facts.freeze_usec = lull_clock_boottime() - ret_freeze->sent;
    if (reply)
        return read_count(self, reply, &ret_freeze->count, error);
    if (is_refused_as_frozen(problem)) {
        ret_freeze->sent = 0;
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, LULL_FROZEN_BY_OTHERS);
    } else {
        g_propagate_error(error, g_steal_pointer(&problem));
    }
    return FALSE;
}

static gboolean
libvirt_release(LullGuestHold *self, gpointer keeper)
{
    lull_host_dead_man_release(keeper);
    return TRUE;
}

static void
libvirt_free(gpointer keeper)
{
    lull_host_dead_man_free(keeper);
}

const LullStockWay lull_stock_way_libvirt = {
    .dead_man = "the host dead man",
    .start = libvirt_start,
    .freeze = libvirt_freeze,
    .release = libvirt_release,
    .free = libvirt_free,
};
