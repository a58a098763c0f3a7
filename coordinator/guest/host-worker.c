/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <libvirt/virterror.h>

#include "coordinator/guest/host-inside.h"
#include "protocol/backoff.h"
#include "protocol/clock.h"
#include "protocol/error.h"

/* Where nothing happens for so long, connections that wait for use are closed: each has the daemon ask every
 * few seconds whether it is alive. */
#define REST LULL_SEC(60)

static const LullBackoff reconnect = {.first = LULL_MSEC(200), .cap = LULL_SEC(5), .jitter = 0.2};

/* One that is not trusted may go and come as it likes, and each time costs lines in the log. */
static const LullBackoff reconnect_launcher = {.first = LULL_SEC(2), .cap = LULL_SEC(10), .jitter = 0.2};

/* Looks at one domain again and tells the listener. A domain that cannot be read stays as it was told. */
static void
tell(LullHost *self, virConnectPtr connection, const char *uid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullDomain) domain = virDomainLookupByUUIDString(connection, uid);
    const gboolean gone = !domain && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN;
    g_autoptr(LullVm) vm = domain ? lull_vm_from_domain(domain, &error) : NULL;

    if (!vm && !gone) {
        if (error)
            g_warning("%s: %s", uid, error->message);
        return;
    }
    if (vm && vm->restored && vm->state != LULL_VM_STOPPED)
        lull_host_unmark(self, uid);
    g_mutex_lock(&self->listening);
    if (vm)
        g_hash_table_add(self->told, g_strdup(uid));
    else
        g_hash_table_remove(self->told, uid);
    if (self->func)
        self->func(uid, vm, self->user_data);
    g_mutex_unlock(&self->listening);
}

static gboolean
tell_all(LullHost *self, virConnectPtr connection, GError **error)
{
    g_autoptr(GHashTable) uids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    virDomainPtr *domains = NULL;
    GHashTableIter iter;
    gpointer uid;

    if (virConnectListAllDomains(connection, &domains, 0) < 0)
        return lull_link_error(error, "libvirt's domains");
    for (guint i = 0; domains[i]; i++) {
        char text[VIR_UUID_STRING_BUFLEN];
        if (virDomainGetUUIDString(domains[i], text) == 0)
            g_hash_table_add(uids, g_strdup(text));
    }
    lull_domains_free(domains);
    g_mutex_lock(&self->listening); /* those that are gone by now */
    g_hash_table_iter_init(&iter, self->told);
    while (g_hash_table_iter_next(&iter, &uid, NULL))
        g_hash_table_add(uids, g_strdup(uid));
    g_mutex_unlock(&self->listening);
    g_hash_table_iter_init(&iter, uids);
    while (g_hash_table_iter_next(&iter, &uid, NULL))
        tell(self, connection, uid);
    return TRUE;
}

void
lull_host_listen(LullHost *self, LullVmFunc func, gpointer user_data)
{
    g_autoptr(LullLink) link = func ? lull_link_borrow(self, NULL) : NULL;

    g_mutex_lock(&self->listening);
    self->func = func;
    self->user_data = user_data;
    g_mutex_unlock(&self->listening);
    if (link)
        (void)tell_all(self, lull_link_connection(link), NULL);
}

gboolean
lull_host_worker_connect(LullHost *self, GError **error)
{
    self->connection = lull_host_connect(self, error);
    if (!self->connection)
        return FALSE;
    if (!lull_events_subscribe(self, self->connection, self->event_ids, error))
        return FALSE;
    g_mutex_lock(&self->lock);
    self->gaps++; /* whoever read before has missed what was until now */
    self->found++;
    self->hearing = virConnectIsAlive(self->connection) == 1; /* it may have closed meanwhile */
    g_mutex_unlock(&self->lock);
    return TRUE;
}

void
lull_host_worker_disconnect(LullHost *self)
{
    g_mutex_lock(&self->lock);
    self->hearing = FALSE;
    g_mutex_unlock(&self->lock);
    if (self->connection) {
        lull_events_unsubscribe(self->connection, self->event_ids);
        virConnectClose(self->connection);
        self->connection = NULL;
    }
    lull_host_close_idle(self);
}

/* Keeps one connection with events on it alive, and the listener informed. */
gpointer
lull_host_work(gpointer data)
{
    LullHost *self = data;
    guint failures = 0;

    for (;;) {
        const LullBackoff *backoff = self->only ? &reconnect_launcher : &reconnect;
        const gint64 wait = self->connection ? REST : lull_backoff_delay(backoff, failures, 0.5);
        g_autofree char *message = g_async_queue_timeout_pop(self->messages, (guint64)wait);

        if (message && g_str_equal(message, MESSAGE_STOP))
            break;
        if (message && g_str_equal(message, MESSAGE_CLOSED)) {
            g_message("libvirt at %s went away", self->uri);
            lull_host_worker_disconnect(self);
            failures = 1;
        } else if (message && self->connection) {
            tell(self, self->connection, message);
        } else if (!message && self->connection) {
            lull_host_close_idle(self);
        } else if (!message) {
            g_autoptr(GError) error = NULL;
            if (lull_host_worker_connect(self, &error) &&
                (self->only || tell_all(self, self->connection, &error))) {
                g_message("libvirt at %s is back", self->uri);
                failures = 0;
            } else {
                failures++;
                lull_host_worker_disconnect(self);
            }
        }
    }
    lull_host_worker_disconnect(self);
    return NULL;
}
