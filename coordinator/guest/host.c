/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/host.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "coordinator/guest/dial.h"
#include "coordinator/guest/host-private.h"
#include "coordinator/guest/launchers.h"
#include "coordinator/guest/vm-definition.h"
#include "protocol/backoff.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

/* The worker's messages: a domain's uid to look at again, or one of these. */
#define MESSAGE_CLOSED "-closed"
#define MESSAGE_STOP   "-stop"

/* Where nothing happens for so long, connections that wait for use are closed: each has the daemon ask every
 * few seconds whether it is alive. */
#define REST LULL_SEC(60)

typedef struct {
    LullEventCounts counts;
    gboolean terminated; /* the host ended its process, and it was not started since */
    gboolean unmarking;  /* its mark is being taken off */
    gboolean unmark_again;
} DomainNotes;

struct _LullHost {
    gatomicrefcount refs;
    const LullFreezeApi *freeze_api; /* atomic: a thaw may be tried meanwhile */
    LullInstances *instances;        /* of a node, which has nothing but these two; NULL: a libvirt */
    LullLaunchers *launchers;
    LullLaunchers *keeper; /* of a launcher; NULL: a libvirt that has what it has */
    char *only;            /* and its domain's uuid */
    char *uri;
    GAsyncQueue *messages;
    GThread *worker;
    virConnectPtr connection; /* the worker's, with the events on it */
    GArray *event_ids;

    GMutex lock; /* for the rest */
    GPtrArray *idle;
    GHashTable *notes; /* uid -> DomainNotes */
    guint64 gaps;      /* times that events may have been missed */
    guint64 found;     /* times that libvirt was */
    gboolean hearing;  /* events come in */

    GMutex listening; /* held while the listener runs */
    LullVmFunc func;
    gpointer user_data;
    GHashTable *told; /* uids that the listener knows */
};

static const LullBackoff reconnect = {.first = LULL_MSEC(200), .cap = LULL_SEC(5), .jitter = 0.2};

/* One that is not trusted may go and come as it likes, and each time costs lines in the log. */
static const LullBackoff reconnect_launcher = {.first = LULL_SEC(2), .cap = LULL_SEC(10), .jitter = 0.2};

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

/* With the lock held. */
static DomainNotes *
notes_of(LullHost *self, const char *uid)
{
    DomainNotes *notes = g_hash_table_lookup(self->notes, uid);

    if (!notes) {
        notes = g_new0(DomainNotes, 1);
        g_hash_table_insert(self->notes, g_strdup(uid), notes);
    }
    return notes;
}

/* What a launcher tells about machines that it does not have is not kept. */
static gboolean
is_ours(const LullHost *self, virDomainPtr domain, char *ret_uid)
{
    return virDomainGetUUIDString(domain, ret_uid) == 0 && (!self->only || g_str_equal(self->only, ret_uid));
}

void
lull_host_note(LullHost *self, virDomainPtr domain, LullNote note)
{
    char uid[VIR_UUID_STRING_BUFLEN];

    if (!is_ours(self, domain, uid))
        return;
    g_mutex_lock(&self->lock);
    if (note == LULL_NOTE_LIFECYCLE)
        notes_of(self, uid)->counts.lifecycle++;
    else if (note == LULL_NOTE_AGENT)
        notes_of(self, uid)->counts.agent++;
    g_mutex_unlock(&self->lock);
    if (!self->only)
        g_async_queue_push(self->messages, g_strdup(uid));
}

void
lull_host_note_terminated(LullHost *self, virDomainPtr domain, gboolean terminated)
{
    char uid[VIR_UUID_STRING_BUFLEN];

    if (!is_ours(self, domain, uid))
        return;
    g_mutex_lock(&self->lock);
    notes_of(self, uid)->terminated = terminated;
    g_mutex_unlock(&self->lock);
}

gboolean
lull_host_note_unmarking(LullHost *self, const char *uid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    DomainNotes *notes = notes_of(self, uid);

    if (notes->unmarking)
        notes->unmark_again = TRUE;
    else
        notes->unmarking = TRUE;
    return !notes->unmark_again;
}

void
lull_host_note_unmarked(LullHost *self, const char *uid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    DomainNotes *notes = notes_of(self, uid);

    if (notes->unmark_again)
        g_async_queue_push(self->messages, g_strdup(uid)); /* it may have failed for what is over */
    notes->unmarking = FALSE;
    notes->unmark_again = FALSE;
}

static gboolean
was_terminated(LullHost *self, const char *uid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    const DomainNotes *notes = notes_of(self, uid);

    return notes->terminated;
}

void
lull_host_note_closed(LullHost *self)
{
    g_mutex_lock(&self->lock);
    self->gaps++;
    self->hearing = FALSE;
    g_mutex_unlock(&self->lock);
    g_async_queue_push(self->messages, g_strdup(MESSAGE_CLOSED));
}

LullEventCounts
lull_host_event_counts(LullHost *self, const char *uid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    LullEventCounts counts = notes_of(self, lull_host_domain_uuid(self, uid))->counts;

    if (!self->hearing)
        self->gaps++; /* what happens now is not told: no two readings are alike */
    counts.lifecycle += self->gaps;
    return counts;
}

guint64
lull_host_times_found(LullHost *self)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    return self->hearing ? self->found : 0;
}

gboolean
lull_host_is_there(LullHost *self)
{
    return lull_host_times_found(self) > 0;
}

/* Not knowing is an error: one that may run must not be taken for one that is off. @ret_end: STOPPED only;
 * UNKNOWN where libvirt does not tell. */
static gboolean
read_state(LullDomain *domain, LullVmState *ret_state, LullVmEnd *ret_end)
{
    const int active = virDomainIsActive(domain);
    int state = VIR_DOMAIN_NOSTATE;
    int reason = VIR_DOMAIN_SHUTOFF_UNKNOWN;

    if (active < 0 || virDomainGetState(domain, &state, &reason, 0) < 0)
        return FALSE;
    if (!active || state == VIR_DOMAIN_SHUTOFF) {
        *ret_end = lull_vm_end_of(state == VIR_DOMAIN_SHUTOFF ? reason : VIR_DOMAIN_SHUTOFF_UNKNOWN,
                                  virDomainHasManagedSaveImage(domain, 0) == 1, FALSE);
        state = VIR_DOMAIN_SHUTOFF;
    }
    *ret_state = lull_vm_state_of(state, reason);
    return TRUE;
}

/* As it runs, or is defined where it does not. */
static LullVm *
read_vm(LullDomain *domain, gsize max, GError **error)
{
    LullVmState state = LULL_VM_STOPPED;
    LullVmEnd end = LULL_VM_END_UNKNOWN;
    char *xml = read_state(domain, &state, &end) ? virDomainGetXMLDesc(domain, 0) : NULL;
    LullVm *vm = NULL;

    if (!xml)
        lull_link_error(error, "the virtual machine"); /* asking for its name would forget why */
    else if (strlen(xml) > max)
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_INVALID,
            "the virtual machine: libvirt describes it in %zu bytes, more than %zu: the pod cannot be "
            "trusted",
            strlen(xml), max);
    else
        vm = lull_vm_from_xml(xml, state, error);
    free(xml);
    if (vm && state == LULL_VM_STOPPED)
        vm->end = vm->restored && end != LULL_VM_END_SAVED ? LULL_VM_END_RESTORED : end;
    return vm;
}

static gboolean
set_definition(LullVm *vm, const char *inactive, GError **error)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    char *xml = vm->state == LULL_VM_STOPPED ? g_strdup(inactive)
                                             : lull_vm_definition(vm->xml, inactive, notes, error);

    if (!xml)
        return FALSE;
    g_free(vm->xml);
    vm->xml = xml;
    if (notes->len)
        vm->differences = g_steal_pointer(&notes);
    return TRUE;
}

LullVm *
lull_vm_from_domain(LullDomain *domain, GError **error)
{
    g_autoptr(LullVm) vm = read_vm(domain, G_MAXSIZE, error);
    char *inactive = vm ? virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE) : NULL;
    gboolean whole = FALSE;

    if (vm && !inactive)
        lull_link_error(error, "the virtual machine");
    whole = inactive && set_definition(vm, inactive, error);
    free(inactive);
    return whole ? g_steal_pointer(&vm) : NULL;
}

LullVm *
lull_vm_from_launcher(LullDomain *domain, GError **error)
{
    LullVm *vm = read_vm(domain, LULL_LAUNCHER_XML_MAX, error);

    if (vm)
        g_clear_pointer(&vm->xml, g_free);
    return vm;
}

/* With what its events have told. */
static LullVm *
vm_of(LullHost *self, LullDomain *domain, GError **error)
{
    LullVm *vm = lull_vm_from_domain(domain, error);

    if (vm && vm->end == LULL_VM_END_SHUTDOWN && was_terminated(self, vm->uid))
        vm->end = LULL_VM_END_TERMINATED;
    return vm;
}

LullVm *
lull_host_find_vm_by_uid(LullHost *self, const char *uid, GError **error)
{
    g_autoptr(LullLink) link = NULL;
    g_autoptr(LullDomain) domain = NULL;

    if (self->launchers)
        return lull_launchers_find(self->launchers, uid, error);
    link = lull_link_borrow(self, error);
    domain = link ? lull_link_domain(link, uid, error) : NULL;
    return domain ? vm_of(self, domain, error) : NULL;
}

static void
domains_free(virDomainPtr *domains)
{
    for (guint i = 0; domains && domains[i]; i++)
        virDomainFree(domains[i]);
    free(domains);
}

static gboolean
domain_is_called(virDomainPtr domain, const char *name)
{
    char uid[VIR_UUID_STRING_BUFLEN];
    g_autofree char *called = NULL;

    if (virDomainGetUUIDString(domain, uid) < 0)
        return FALSE;
    called = lull_vm_api_name(virDomainGetName(domain), uid);
    return g_str_equal(called, name);
}

LullVm *
lull_host_find_vm(LullHost *self, const char *name, GError **error)
{
    g_autoptr(LullLink) link = NULL;
    virDomainPtr *domains = NULL;
    virDomainPtr found = NULL;
    LullVm *vm = NULL;

    if (self->launchers)
        return lull_launchers_find(self->launchers, name, error);
    link = lull_link_borrow(self, error);
    if (!link)
        return NULL;
    if (virConnectListAllDomains(lull_link_connection(link), &domains, 0) < 0) {
        lull_link_error(error, "libvirt's domains");
        return NULL;
    }
    for (guint i = 0; domains[i]; i++)
        if (domain_is_called(domains[i], name) &&
            (!found || g_str_equal(virDomainGetName(domains[i]), name))) /* its own name comes first */
            found = domains[i];
    if (found)
        vm = vm_of(self, found, error);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "virtual machine %s: libvirt at %s knows none of that name; `lull vms` lists them", name,
                    self->uri);
    domains_free(domains);
    return vm;
}

gboolean
lull_host_shutdown_vm(LullHost *self, const char *uid, GError **error)
{
    g_autoptr(LullLink) link = lull_link_borrow(self, error);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, uid, error) : NULL;

    if (!domain)
        return FALSE;
    if (virDomainIsActive(domain) == 0)
        return TRUE;
    if (virDomainIsPersistent(domain) == 0) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
            "virtual machine %s: it is transient, and would be gone with its definition: virsh define "
            "it first",
            virDomainGetName(domain));
        return FALSE;
    }
    return virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0 ||
           lull_link_error(error, "asking the guest to shut down");
}

gboolean
lull_host_start_vm(LullHost *self, const char *uid, GError **error)
{
    g_autoptr(LullLink) link = lull_link_borrow(self, error);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, uid, error) : NULL;

    if (!domain)
        return FALSE;
    return virDomainIsActive(domain) == 1 || virDomainCreate(domain) == 0 ||
           lull_link_error(error, "starting the virtual machine");
}

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
    domains_free(domains);
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

static gboolean
worker_connect(LullHost *self, GError **error)
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

static void
worker_disconnect(LullHost *self)
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
static gpointer
work(gpointer data)
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
            worker_disconnect(self);
            failures = 1;
        } else if (message && self->connection) {
            tell(self, self->connection, message);
        } else if (!message && self->connection) {
            lull_host_close_idle(self);
        } else if (!message) {
            g_autoptr(GError) error = NULL;
            if (worker_connect(self, &error) && (self->only || tell_all(self, self->connection, &error))) {
                g_message("libvirt at %s is back", self->uri);
                failures = 0;
            } else {
                failures++;
                worker_disconnect(self);
            }
        }
    }
    worker_disconnect(self);
    return NULL;
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
        worker_disconnect(self);
        lull_host_unref(self);
        return NULL;
    }
    self->worker = g_thread_new("libvirt-host", work, self);
    return self;
}

LullHost *
lull_host_open(const char *uri, GError **error)
{
    LullHost *self;

    if (!lull_events_start(error))
        return NULL;
    self = host_new(uri);
    return host_start(self, worker_connect(self, error));
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
    return host_start(self, self->only && worker_connect(self, error));
}

LullHost *
lull_host_open_node(const char *node, const char *pods_directory, GError **error)
{
    g_autofree char *uri = lull_dial_launcher_uri(pods_directory, "");
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
