/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <libvirt/virterror.h>

#include "coordinator/guest/host-private.h"
#include "protocol/error.h"

#define TICK_MSEC 60000

static gpointer
run_events(gpointer data)
{
    for (;;)
        if (virEventRunDefaultImpl() < 0)
            g_usleep(G_USEC_PER_SEC / 10);
    return NULL;
}

/* Errors are told by who gets them; libvirt prints none behind his back. */
static void
swallow(void *user_data, virErrorPtr error)
{
}

/* Keeps the loop turning over where no descriptor is watched yet. */
static void
tick(int timer, void *data)
{
}

gboolean
lull_events_start(GError **error)
{
    static gsize started;

    if (g_once_init_enter(&started)) {
        const gboolean ok = virInitialize() == 0 && virEventRegisterDefaultImpl() == 0 &&
                            virEventAddTimeout(TICK_MSEC, tick, NULL, NULL) >= 0;
        virSetErrorFunc(NULL, swallow);
        if (ok)
            g_thread_unref(g_thread_new("libvirt-events", run_events, NULL));
        g_once_init_leave(&started, ok ? 1 : 2);
    }
    return started == 1 || lull_link_error(error, "libvirt's event loop");
}

static int
on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *host)
{
    const gboolean definition = event == VIR_DOMAIN_EVENT_DEFINED || event == VIR_DOMAIN_EVENT_UNDEFINED;

    if (event == VIR_DOMAIN_EVENT_STARTED)
        lull_host_note_terminated(host, domain, FALSE);
    else if (event == VIR_DOMAIN_EVENT_SHUTDOWN && detail == VIR_DOMAIN_EVENT_SHUTDOWN_HOST)
        lull_host_note_terminated(host, domain, TRUE);
    lull_host_note(host, domain, definition ? LULL_NOTE_CHANGED : LULL_NOTE_LIFECYCLE);
    return 0;
}

static void
on_reboot(virConnectPtr connection, virDomainPtr domain, void *host)
{
    lull_host_note(host, domain, LULL_NOTE_LIFECYCLE);
}

static void
on_agent(virConnectPtr connection, virDomainPtr domain, int state, int reason, void *host)
{
    lull_host_note(host, domain, LULL_NOTE_AGENT);
}

static void
on_device(virConnectPtr connection, virDomainPtr domain, const char *alias, void *host)
{
    lull_host_note(host, domain, LULL_NOTE_CHANGED);
}

static void
on_metadata(virConnectPtr connection, virDomainPtr domain, int type, const char *uri, void *host)
{
    lull_host_note(host, domain, LULL_NOTE_CHANGED);
}

static void
on_closed(virConnectPtr connection, int reason, void *host)
{
    lull_host_note_closed(host);
}

gboolean
lull_events_subscribe(LullHost *host, virConnectPtr connection, GArray *ids, GError **error)
{
    const struct {
        int id;
        virConnectDomainEventGenericCallback callback;
    } wanted[] = {
        {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
        {VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot)},
        {VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device)},
        {VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata)},
    };

    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        const int id = virConnectDomainEventRegisterAny(connection, NULL, wanted[i].id, wanted[i].callback,
                                                        lull_host_ref(host), lull_host_unref);
        if (id < 0) {
            lull_host_unref(host);
            return lull_link_error(error, "libvirt's events");
        }
        g_array_append_val(ids, id);
    }
    /* no reference: it is unregistered before the host goes, under the lock that it is called with, and a
     * driver without a daemon would never give one back */
    return virConnectRegisterCloseCallback(connection, on_closed, host, NULL) == 0 ||
           lull_link_error(error, "libvirt's close event");
}

void
lull_events_unsubscribe(virConnectPtr connection, GArray *ids)
{
    for (guint i = 0; i < ids->len; i++)
        (void)virConnectDomainEventDeregisterAny(connection, g_array_index(ids, int, i));
    g_array_set_size(ids, 0);
    (void)virConnectUnregisterCloseCallback(connection, on_closed);
}
