/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/host.h"

#include <string.h>

#include "coordinator/guest/dial.h"
#include "coordinator/guest/host-inside.h"
#include "coordinator/guest/launchers.h"
#include "protocol/error.h"

LullHost *
lull_host_ref(LullHost *self)
{
    g_atomic_ref_count_inc(&self->refs);
    return self;
}

void
lull_host_unref(gpointer data)
{
    LullHost *self = data;

    if (!g_atomic_ref_count_dec(&self->refs))
        return;
    g_async_queue_unref(self->messages);
    g_array_unref(self->event_ids);
    g_ptr_array_unref(self->idle);
    g_hash_table_unref(self->notes);
    g_hash_table_unref(self->told);
    g_mutex_clear(&self->lock);
    g_mutex_clear(&self->listening);
    g_free(self->only);
    g_free(self->uri);
    g_free(self);
}

const char *
lull_host_uri(const LullHost *self)
{
    return self->uri;
}

LullHost *
lull_host_reach(LullHost *self, const char *uid, GError **error)
{
    if (self->launchers)
        return lull_launchers_reach(self->launchers, uid, error);
    if (self->keeper)
        lull_launchers_keep(self->keeper, self);
    return self;
}

void
lull_host_let_go(LullHost *reached)
{
    if (reached && reached->keeper)
        lull_launchers_let_go(reached->keeper, reached);
}

const char *
lull_host_domain_uuid(const LullHost *self, const char *uid)
{
    return self->only ? self->only : uid;
}

void
lull_host_set_freeze_api(LullHost *self, const LullFreezeApi *api)
{
    g_atomic_pointer_set(&self->freeze_api, api);
}

const LullFreezeApi *
lull_host_freeze_api(const LullHost *self)
{
    return g_atomic_pointer_get((LullFreezeApi **)&self->freeze_api);
}

gboolean
lull_host_is_launcher(const LullHost *self)
{
    return self->keeper != NULL;
}

gboolean
lull_host_check_single(const LullHost *self, GError **error)
{
    if (!self->launchers)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                "this is a node of a cluster, where each machine has a libvirt of its own");
    return FALSE;
}

virConnectPtr
lull_host_take_idle(LullHost *self)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    return self->idle->len ? g_ptr_array_steal_index(self->idle, self->idle->len - 1) : NULL;
}

gboolean
lull_host_give_idle(LullHost *self, virConnectPtr connection, guint max)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    if (self->idle->len >= max)
        return FALSE;
    g_ptr_array_add(self->idle, connection);
    return TRUE;
}

gboolean
lull_host_is_there(LullHost *self)
{
    return lull_host_times_found(self) > 0;
}

/* The uuid of the domain that a launcher is there for. */
static char *
find_only(virConnectPtr connection, const char *name, const char *uuid, GError **error)
{
    g_autoptr(LullDomain) domain =
        uuid ? virDomainLookupByUUIDString(connection, uuid) : virDomainLookupByName(connection, name);
    char uid[VIR_UUID_STRING_BUFLEN];

    if (!domain || virDomainGetUUIDString(domain, uid) < 0) {
        g_autofree char *what = g_strdup_printf("the launcher of %s", name ? name : uuid);
        lull_link_error(error, what);
        return NULL;
    }
    if ((!name || g_str_equal(virDomainGetName(domain), name)) &&
        (!uuid || g_ascii_strcasecmp(uid, uuid) == 0))
        return g_strdup(uid);
    g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED,
                "the launcher of %s has another machine: the pod cannot be trusted", name ? name : uuid);
    return NULL;
}

static char *
read_only(LullHost *self, const char *name, const char *uuid, GError **error)
{
    g_autoptr(LullLink) link = lull_link_borrow(self, error);

    return link ? find_only(lull_link_connection(link), name, uuid, error) : NULL;
}

static LullHost *
host_new(const char *uri)
{
    LullHost *self = g_new0(LullHost, 1);

    g_atomic_ref_count_init(&self->refs);
    self->uri = g_strdup(uri);
    self->messages = g_async_queue_new_full(g_free);
    self->event_ids = g_array_new(FALSE, FALSE, sizeof(int));
    self->idle = g_ptr_array_new();
    self->notes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_mutex_init(&self->lock);
    g_mutex_init(&self->listening);
    return self;
}

/* Takes @self. */
static LullHost *
host_start(LullHost *self, gboolean connected)
{
    if (!connected) {
        lull_host_worker_disconnect(self);
        lull_host_unref(self);
        return NULL;
    }
    self->worker = g_thread_new("libvirt-host", lull_host_work, self);
    return self;
}

LullHost *
lull_host_open(const char *uri, GError **error)
{
    LullHost *self;

    if (!lull_events_start(error))
        return NULL;
    self = host_new(uri);
    return host_start(self, lull_host_worker_connect(self, error));
}

/* Of a place, which is POD/UUID; NULL: there is none. */
static char *
pod_of(const LullVm *vm)
{
    const char *slash = vm->place ? strchr(vm->place, '/') : NULL;

    return slash ? g_strndup(vm->place, (gsize)(slash - vm->place)) : NULL;
}

LullStay *
lull_host_watch_stay(LullHost *self, const LullVm *vm, GCancellable *over)
{
    g_autofree char *pod = self->instances ? pod_of(vm) : NULL;

    return pod ? lull_instances_watch(self->instances, vm->uid, pod, over) : NULL;
}

char *
lull_host_pod_directory(const LullHost *self, const LullVm *vm)
{
    g_autofree char *pod = self->launchers ? pod_of(vm) : NULL;

    return pod ? lull_launchers_pod_directory(self->launchers, pod) : NULL;
}

LullHost *
lull_host_open_launcher(const char *uri, const char *domain, const char *domain_uuid, LullLaunchers *keeper,
                        GError **error)
{
    LullHost *self;

    if (!lull_events_start(error))
        return NULL;
    self = host_new(uri);
    self->keeper = keeper;
    self->only = read_only(self, domain, domain_uuid, error); /* before the first event */
    return host_start(self, self->only && lull_host_worker_connect(self, error));
}

LullHost *
lull_host_open_node(const char *node, const char *pods_directory, GError **error)
{
    g_autofree char *uri = lull_libvirt_launcher_uri(pods_directory, "");
    LullHost *self;

    if (!lull_events_start(error))
        return NULL;
    self = host_new(uri);
    self->instances = lull_instances_new(node);
    self->launchers = lull_launchers_new(self->instances, pods_directory);
    return self;
}

void
lull_host_hear_instance(LullWatchType type, LullJson *instance, gpointer host)
{
    LullHost *self = host;

    lull_instances_hear(self->instances, type, instance);
}

void
lull_host_hear_instances(LullHost *self, LullJson *instances)
{
    lull_instances_hear_all(self->instances, instances);
}

void
lull_host_free(LullHost *self)
{
    if (!self)
        return;
    g_clear_pointer(&self->launchers, lull_launchers_free);
    g_clear_pointer(&self->instances, lull_instances_free);
    if (self->worker) {
        g_async_queue_push_front(self->messages, g_strdup(MESSAGE_STOP));
        g_thread_join(self->worker);
    }
    lull_host_unref(self);
}
