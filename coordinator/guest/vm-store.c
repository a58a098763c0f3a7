/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/guest/host.h"
#include "coordinator/guest/link.h"
#include "coordinator/store/selector.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

/* The domains as a store. Objects are rebuilt from what the host tells; an event is kept for late watchers as
 * long as the log reaches back. */

#define LOG_LENGTH  1024
#define MAX_PENDING 4096 /* events a watcher may lag behind */

/* Where the locks live in the other store: one object a domain, under its uuid. */
static const LullKind lock_kind = {
    .group = "lull.dev",
    .version = "v1",
    .kind = "VirtualMachineLock",
    .plural = "virtualmachinelocks",
    .singular = "virtualmachinelock",
};
static const char *const lock_fields[] = {"snapshotInProgress", "restoreInProgress", NULL};

typedef struct {
    LullWatchType type;
    guint64 version;
    LullJson *object;
} Event;

typedef struct {
    LullStore store;
    LullHost *host;
    LullStore *locks;
    GMutex patching;     /* one patch at a time: it talks to the other store */
    GMutex lock;         /* for the rest */
    GHashTable *bare;    /* uid -> LullJson as the host tells it */
    GHashTable *objects; /* uid -> LullJson with locks and resourceVersion */
    GHashTable *held;    /* uid -> LullJson: status of the lock object */
    GQueue log;          /* of Event */
    guint64 first;       /* version before the first in the log */
    guint64 version;
    GPtrArray *watches;
} VmStore;

typedef struct {
    LullWatch watch;
    gatomicrefcount refs;
    char *ns;               /* NULL: all */
    LullSelector *selector; /* domains have no labels, so none starts or stops matching */
    GMainContext *context;
    LullWatchFunc func;
    gpointer user_data;
    gboolean stopped; /* the context's thread only */
    guint pending;    /* with the store's lock */
    gboolean overrun;
} VmWatch;

typedef struct {
    VmWatch *watch;
    VmStore *store;
    LullWatchType type;
    LullJson *object;
} Delivery;

static void
json_drop(gpointer value)
{
    json_object_put(value);
}

static void
event_free(gpointer data)
{
    Event *event = data;

    json_object_put(event->object);
    g_free(event);
}

static void
watch_unref(VmWatch *watch)
{
    if (!g_atomic_ref_count_dec(&watch->refs))
        return;
    g_main_context_unref(watch->context);
    lull_selector_free(watch->selector);
    g_free(watch->ns);
    g_free(watch);
}

static void
delivery_free(gpointer data)
{
    Delivery *delivery = data;

    json_object_put(delivery->object);
    watch_unref(delivery->watch);
    g_free(delivery);
}

static gboolean
is_for(const VmWatch *watch, LullJson *object)
{
    return (!watch->ns || g_str_equal(watch->ns, LULL_NAMESPACE)) &&
           lull_selector_matches(watch->selector, object);
}

static gboolean
deliver(gpointer data)
{
    Delivery *delivery = data;
    VmWatch *watch = delivery->watch;

    if (watch->stopped)
        return G_SOURCE_REMOVE;
    g_mutex_lock(&delivery->store->lock);
    watch->pending--;
    g_mutex_unlock(&delivery->store->lock);
    if (delivery->type == LULL_WATCH_ERROR || is_for(watch, delivery->object))
        watch->func(delivery->type, delivery->object, watch->user_data);
    return G_SOURCE_REMOVE;
}

static LullJson *
expired_status(void)
{
    LullJson *status = json_object_new_object();

    lull_json_set_string(status, "kind", "Status");
    lull_json_set_string(status, "apiVersion", "v1");
    lull_json_set_string(status, "status", "Failure");
    lull_json_set_string(status, "reason", "Expired");
    lull_json_set_string(status, "message", "the watcher is too slow: list again");
    lull_json_set_int(status, "code", 410);
    return status;
}

/* With the lock held. Consumes @object. */
static void
send(VmStore *self, VmWatch *watch, LullWatchType type, LullJson *object)
{
    Delivery *delivery = g_new0(Delivery, 1);
    GSource *source = g_idle_source_new();

    delivery->watch = watch;
    delivery->store = self;
    delivery->type = type;
    delivery->object = object;
    g_atomic_ref_count_inc(&watch->refs);
    watch->pending++;
    g_source_set_priority(source, G_PRIORITY_DEFAULT); /* in the order in which they were attached */
    g_source_set_callback(source, deliver, g_steal_pointer(&delivery), delivery_free);
    g_source_attach(source, watch->context);
    g_source_unref(source);
}

/* With the lock held. */
static void
publish(VmStore *self, LullWatchType type, LullJson *object)
{
    Event *event = g_new0(Event, 1);

    event->type = type;
    event->version = self->version;
    event->object = lull_json_dup(object);
    g_queue_push_tail(&self->log, event);
    if (self->log.length > LOG_LENGTH) {
        Event *oldest = g_queue_pop_head(&self->log);
        self->first = oldest->version;
        event_free(oldest);
    }
    for (guint i = 0; i < self->watches->len; i++) {
        VmWatch *watch = g_ptr_array_index(self->watches, i);
        if (watch->overrun)
            continue;
        watch->overrun = watch->pending >= MAX_PENDING;
        if (watch->overrun)
            send(self, watch, LULL_WATCH_ERROR, expired_status());
        else
            send(self, watch, type, lull_json_dup(object));
    }
}

static void
set_version(LullJson *object, guint64 version)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, version);

    lull_json_set_string(lull_json_ensure(object, "metadata"), "resourceVersion", text);
}

/* With the lock held: rebuilds one object; a new version and an event only where something changed. */
static void
rebuild(VmStore *self, const char *uid)
{
    LullJson *bare = g_hash_table_lookup(self->bare, uid);
    LullJson *held = g_hash_table_lookup(self->held, uid);
    LullJson *old = g_hash_table_lookup(self->objects, uid);
    g_autoptr(LullJson) object = bare ? lull_json_dup(bare) : NULL;

    if (!object) {
        if (!old)
            return;
        set_version(old, ++self->version);
        publish(self, LULL_WATCH_DELETED, old);
        g_hash_table_remove(self->objects, uid);
        return;
    }
    for (guint i = 0; lock_fields[i]; i++)
        lull_json_set_string(lull_json_ensure(object, "status"), lock_fields[i],
                             held ? lull_json_string(held, lock_fields[i], NULL) : NULL);
    if (old) {
        lull_json_set_string(lull_json_ensure(object, "metadata"), "resourceVersion",
                             lull_json_string(lull_json_object(old, "metadata"), "resourceVersion", NULL));
        if (lull_json_equal(old, object))
            return;
    }
    set_version(object, ++self->version);
    publish(self, old ? LULL_WATCH_MODIFIED : LULL_WATCH_ADDED, object);
    g_hash_table_replace(self->objects, g_strdup(uid), g_steal_pointer(&object));
}

static void
on_vm(const char *uid, const LullVm *vm, gpointer user_data)
{
    VmStore *self = user_data;

    g_mutex_lock(&self->lock);
    if (vm)
        g_hash_table_replace(self->bare, g_strdup(uid), lull_vm_to_json(vm));
    else
        g_hash_table_remove(self->bare, uid);
    rebuild(self, uid);
    g_mutex_unlock(&self->lock);
}

/* With the lock held. Lent. */
static LullJson *
find(VmStore *self, const char *ns, const char *name, GError **error)
{
    GHashTableIter iter;
    gpointer object;

    g_hash_table_iter_init(&iter, self->objects);
    while (g_hash_table_iter_next(&iter, NULL, &object))
        if ((!ns || g_str_equal(ns, LULL_NAMESPACE)) &&
            g_strcmp0(lull_json_string(lull_json_object(object, "metadata"), "name", NULL), name) == 0)
            return object;
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "virtualmachines.%s \"%s\" not found", LULL_GROUP_VM,
                name);
    return NULL;
}

static gboolean
check_kind(const LullKind *kind, GError **error)
{
    if (g_str_equal(kind->plural, lull_kind_vm.plural))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "%s: not served here", kind->plural);
    return FALSE;
}

static LullJson *
vm_store_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    VmStore *self = (VmStore *)store;
    LullJson *object;

    if (!check_kind(kind, error))
        return NULL;
    g_mutex_lock(&self->lock);
    object = find(self, ns, name, error);
    if (object)
        object = lull_json_dup(object);
    g_mutex_unlock(&self->lock);
    return object;
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(lull_json_string(lull_json_object(*(LullJson **)a, "metadata"), "name", ""),
                     lull_json_string(lull_json_object(*(LullJson **)b, "metadata"), "name", ""));
}

static gboolean
selected(LullJson *object, const LullSelector *selector, const LullListOptions *options)
{
    const char *name = lull_json_string(lull_json_object(object, "metadata"), "name", "");

    return (!options->continue_token || strcmp(name, options->continue_token) > 0) &&
           lull_selector_matches(selector, object);
}

static LullJson *
vm_store_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
              GError **error)
{
    VmStore *self = (VmStore *)store;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    g_autoptr(LullSelector) selector =
        lull_selector_new(kind, options->label_selector, options->field_selector, error);
    LullJson *list;
    LullJson *items;
    LullJson *meta;
    GHashTableIter iter;
    gpointer object;

    if (!selector || !check_kind(kind, error))
        return NULL;
    list = json_object_new_object();
    items = json_object_new_array();
    g_mutex_lock(&self->lock);
    g_hash_table_iter_init(&iter, self->objects);
    while (g_hash_table_iter_next(&iter, NULL, &object))
        if ((!ns || g_str_equal(ns, LULL_NAMESPACE)) && selected(object, selector, options))
            g_ptr_array_add(sorted, object);
    g_ptr_array_sort(sorted, by_name);
    set_version(list, self->version);
    meta = lull_json_object(list, "metadata");
    for (guint i = 0; i < sorted->len; i++) {
        if (options->limit && i == options->limit) {
            LullJson *last = g_ptr_array_index(sorted, i - 1);
            lull_json_set_string(meta, "continue",
                                 lull_json_string(lull_json_object(last, "metadata"), "name", NULL));
            lull_json_set_int(meta, "remainingItemCount", sorted->len - i);
            break;
        }
        json_object_array_add(items, lull_json_dup(g_ptr_array_index(sorted, i)));
    }
    g_mutex_unlock(&self->lock);
    lull_json_take(list, "items", items);
    return list;
}

static gboolean
denied(GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED,
                "virtual machines are a view of libvirt's domains: change them with libvirt");
    return FALSE;
}

static LullJson *
vm_store_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    denied(error);
    return NULL;
}

static gboolean
vm_store_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
                GError **error)
{
    return denied(error);
}

/* Nothing but locks (a string, or null to let go) and the precondition. */
static gboolean
is_lock_patch(LullJson *patch)
{
    LullJson *status = lull_json_object(patch, "status");

    if (!status)
        return FALSE;
    json_object_object_foreach(patch, key, value)
    {
        (void)value;
        if (!g_str_equal(key, "status") && !g_str_equal(key, "metadata"))
            return FALSE;
    }
    json_object_object_foreach(status, field, lock)
    {
        if (!g_strv_contains(lock_fields, field) || (lock && !json_object_is_type(lock, json_type_string)))
            return FALSE;
    }
    return TRUE;
}

/* Returns the lock object after the patch. */
static LullJson *
patch_locks(VmStore *self, const char *uid, LullJson *status, GError **error)
{
    g_autoptr(LullJson) patch = json_object_new_object();
    g_autoptr(LullJson) object = json_object_new_object();
    g_autoptr(LullJson) made = NULL;
    g_autoptr(GError) problem = NULL;
    LullJson *patched;

    lull_json_take(patch, "status", lull_json_dup(status));
    patched =
        lull_store_patch(self->locks, &lock_kind, LULL_NAMESPACE, uid, LULL_PATCH_STATUS, patch, &problem);
    if (patched || !lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
        if (!patched)
            g_propagate_error(error, g_steal_pointer(&problem));
        return patched;
    }
    lull_json_set_string(object, "apiVersion", "lull.dev/v1");
    lull_json_set_string(object, "kind", lock_kind.kind);
    lull_json_set_string(lull_json_ensure(object, "metadata"), "name", uid);
    lull_json_set_string(lull_json_ensure(object, "metadata"), "namespace", LULL_NAMESPACE);
    made = lull_store_create(self->locks, &lock_kind, object, error);
    if (!made)
        return NULL;
    return lull_store_patch(self->locks, &lock_kind, LULL_NAMESPACE, uid, LULL_PATCH_STATUS, patch, error);
}

/* The uid of the object, if the precondition holds. */
static char *
check_precondition(VmStore *self, const char *ns, const char *name, LullJson *patch, GError **error)
{
    const char *wanted = lull_json_string(lull_json_object(patch, "metadata"), "resourceVersion", NULL);
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    LullJson *meta = lull_json_object(find(self, ns, name, error), "metadata");

    if (!meta)
        return NULL;
    if (wanted && g_strcmp0(wanted, lull_json_string(meta, "resourceVersion", NULL)) != 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT,
                    "virtual machine %s: it changed since version %s: read it again", name, wanted);
        return NULL;
    }
    return g_strdup(lull_json_string(meta, "uid", NULL));
}

/* With patching held. */
static gboolean
patch_status(VmStore *self, const char *ns, const char *name, LullJson *patch, GError **error)
{
    g_autofree char *uid = check_precondition(self, ns, name, patch, error);
    g_autoptr(LullJson) locks = uid ? patch_locks(self, uid, lull_json_object(patch, "status"), error) : NULL;

    if (!locks)
        return FALSE;
    g_mutex_lock(&self->lock);
    if (lull_json_object(locks, "status"))
        g_hash_table_replace(self->held, g_strdup(uid), lull_json_dup(lull_json_object(locks, "status")));
    else
        g_hash_table_remove(self->held, uid);
    rebuild(self, uid);
    g_mutex_unlock(&self->lock);
    return TRUE;
}

static LullJson *
vm_store_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name,
               LullPatchTarget target, LullJson *patch, GError **error)
{
    VmStore *self = (VmStore *)store;
    gboolean ok;

    if (!check_kind(kind, error))
        return NULL;
    if (target != LULL_PATCH_STATUS || !is_lock_patch(patch)) {
        denied(error);
        return NULL;
    }
    g_mutex_lock(&self->patching);
    ok = patch_status(self, ns, name, patch, error);
    g_mutex_unlock(&self->patching);
    return ok ? vm_store_get(store, kind, ns, name, error) : NULL;
}

/* With the lock held: what a new watcher has to hear first. */
static gboolean
replay(VmStore *self, VmWatch *watch, const char *since, GError **error)
{
    GHashTableIter iter;
    gpointer object;
    guint64 version;

    if (!since) {
        g_hash_table_iter_init(&iter, self->objects);
        while (g_hash_table_iter_next(&iter, NULL, &object))
            send(self, watch, LULL_WATCH_ADDED, lull_json_dup(object));
        return TRUE;
    }
    if (!g_ascii_string_to_unsigned(since, 10, 0, G_MAXUINT64, &version, NULL) || version < self->first ||
        version > self->version) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_EXPIRED, "watch: version %s is too old: list again", since);
        return FALSE;
    }
    for (GList *each = self->log.head; each; each = each->next) {
        Event *event = each->data;
        if (event->version > version)
            send(self, watch, event->type, lull_json_dup(event->object));
    }
    return TRUE;
}

static LullWatch *
vm_store_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
               GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    VmStore *self = (VmStore *)store;
    g_autoptr(LullSelector) selector =
        lull_selector_new(kind, options->label_selector, options->field_selector, error);
    VmWatch *watch;

    if (!selector || !check_kind(kind, error))
        return NULL;
    watch = g_new0(VmWatch, 1);
    watch->ns = g_strdup(ns);
    watch->selector = g_steal_pointer(&selector);
    watch->watch.store = store;
    g_atomic_ref_count_init(&watch->refs);
    watch->context = g_main_context_ref(context ? context : g_main_context_default());
    watch->func = func;
    watch->user_data = user_data;
    g_mutex_lock(&self->lock);
    if (replay(self, watch, options->since, error)) {
        g_ptr_array_add(self->watches, watch);
    } else {
        watch_unref(watch);
        watch = NULL;
    }
    g_mutex_unlock(&self->lock);
    return (LullWatch *)watch;
}

static void
vm_store_watch_stop(LullWatch *data)
{
    VmWatch *watch = (VmWatch *)data;
    VmStore *self = (VmStore *)data->store;

    g_mutex_lock(&self->lock);
    g_ptr_array_remove(self->watches, watch);
    g_mutex_unlock(&self->lock);
    watch->stopped = TRUE;
    watch_unref(watch);
}

static void
vm_store_free(LullStore *store)
{
    VmStore *self = (VmStore *)store;

    lull_host_listen(self->host, NULL, NULL);
    g_hash_table_unref(self->bare);
    g_hash_table_unref(self->objects);
    g_hash_table_unref(self->held);
    g_queue_clear_full(&self->log, event_free);
    g_ptr_array_unref(self->watches);
    g_mutex_clear(&self->patching);
    g_mutex_clear(&self->lock);
    g_free(self);
}

static const LullStoreOps ops = {
    .get = vm_store_get,
    .list = vm_store_list,
    .create = vm_store_create,
    .patch = vm_store_patch,
    .remove = vm_store_remove,
    .watch = vm_store_watch,
    .watch_stop = vm_store_watch_stop,
    .free = vm_store_free,
};

static void
read_locks(VmStore *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) list = lull_store_list(self->locks, &lock_kind, LULL_NAMESPACE, NULL, &error);
    LullJson *items = list ? lull_json_array(list, "items") : NULL;

    if (error)
        g_warning("locks of virtual machines: %s", error->message);
    for (size_t i = 0; items && i < json_object_array_length(items); i++) {
        LullJson *object = json_object_array_get_idx(items, i);
        const char *uid = lull_json_string(lull_json_object(object, "metadata"), "name", NULL);
        LullJson *status = lull_json_object(object, "status");
        if (uid && status)
            g_hash_table_replace(self->held, g_strdup(uid), lull_json_dup(status));
    }
}

LullStore *
lull_host_vm_store(LullHost *host, LullStore *locks)
{
    VmStore *self = g_new0(VmStore, 1);

    self->store.ops = &ops;
    self->host = host;
    self->locks = locks;
    g_mutex_init(&self->patching);
    g_mutex_init(&self->lock);
    self->bare = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, json_drop);
    self->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, json_drop);
    self->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, json_drop);
    g_queue_init(&self->log);
    self->watches = g_ptr_array_new();
    /* above what an earlier life of this process gave out, so that its positions are known to be old */
    self->first = self->version = (guint64)lull_clock_realtime();
    read_locks(self);
    lull_host_listen(host, on_vm, self);
    return (LullStore *)self;
}
