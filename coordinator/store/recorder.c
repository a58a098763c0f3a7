/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/recorder.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define PER_OBJECT  32
#define OVERALL     1024
#define AGE         LULL_SEC(24 * 3600)
#define MAX_MESSAGE 1024 /* bytes, as Kubernetes has it */
#define COMPONENT   "lull-coordinator"
#define HASH_LENGTH 16
#define MAX_PREFIX  (253 - 1 - HASH_LENGTH)

/* One event that is in the store. */
typedef struct {
    char *ns, *name;   /* its own */
    char *kind, *what; /* kind and name of the object that it is about */
    char *uid;
    gint64 count;
    gint64 last; /* wall clock */
} Entry;

struct _LullRecorder {
    LullStore *store;
    LullRecorderLimits limits;
    GMutex lock;        /* guards all below, and what is written */
    GPtrArray *entries; /* of Entry, the one that happened last at the end */
};

static void
entry_free(gpointer data)
{
    Entry *entry = (Entry *)data;

    g_free(entry->ns);
    g_free(entry->name);
    g_free(entry->kind);
    g_free(entry->what);
    g_free(entry->uid);
    g_free(entry);
}

static Entry *
entry_of(LullJson *event)
{
    LullJson *object = lull_json_object(event, "involvedObject");
    Entry *entry = g_new0(Entry, 1);

    entry->ns = g_strdup(lull_meta_namespace(event));
    entry->name = g_strdup(lull_meta_name(event));
    entry->kind = g_strdup(lull_json_string(object, "kind", ""));
    entry->what = g_strdup(lull_json_string(object, "name", ""));
    entry->uid = g_strdup(lull_json_string(object, "uid", ""));
    entry->count = lull_json_int(event, "count", 1);
    (void)lull_clock_parse(lull_json_string(event, "lastTimestamp", ""), &entry->last);
    return entry;
}

static int
by_time(gconstpointer a, gconstpointer b)
{
    const Entry *x = *(const Entry *const *)a;
    const Entry *y = *(const Entry *const *)b;

    return x->last < y->last ? -1 : x->last > y->last;
}

/* What cannot be removed now is forgotten all the same: it must not be tried again and again. */
static void
drop(LullRecorder *self, guint index)
{
    const Entry *entry = (const Entry *)g_ptr_array_index(self->entries, index);
    g_autoptr(GError) problem = NULL;

    if (!lull_store_remove(self->store, &lull_kind_event, entry->ns, entry->name, NULL, &problem) &&
        !lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        g_warning("an event that is not wanted any more stays: %s", problem->message);
    g_ptr_array_remove_index(self->entries, index);
}

/* The one of @uid that is the oldest, if they are too many. */
static void
make_room(LullRecorder *self, const char *uid)
{
    guint oldest = 0, n = 0;

    for (guint i = self->entries->len; i-- > 0;)
        if (g_str_equal(((const Entry *)g_ptr_array_index(self->entries, i))->uid, uid)) {
            oldest = i;
            n++;
        }
    if (n > self->limits.per_object)
        drop(self, oldest);
    while (self->entries->len > self->limits.overall)
        drop(self, 0);
}

static void
sweep(LullRecorder *self, gint64 now)
{
    while (self->entries->len > 0 &&
           ((const Entry *)g_ptr_array_index(self->entries, 0))->last + self->limits.age < now)
        drop(self, 0);
}

static char *
cut_text(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    char *end = valid + MIN(strlen(valid), MAX_MESSAGE);

    if (*end)
        *g_utf8_find_prev_char(valid, end + 1) = '\0';
    return g_steal_pointer(&valid);
}

/* The same event has the same name, so that it is found again without remembering more than names. */
static char *
name_of(LullJson *object, LullEventType type, const char *reason, const char *message)
{
    const char *uid = lull_meta_uid(object);
    g_autofree char *all = g_strdup_printf("%s\n%d\n%s\n%s", uid ? uid : "", type, reason, message);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, all, -1);
    g_autofree char *prefix = g_strndup(lull_meta_name(object), MAX_PREFIX);

    for (gsize n = strlen(prefix); n > 0 && !g_ascii_isalnum(prefix[n - 1]); n--)
        prefix[n - 1] = '\0'; /* a part of a name ends in none of these */
    return g_strdup_printf("%s.%.*s", prefix, HASH_LENGTH, hash);
}

static LullJson *
new_event(const LullKind *kind, LullJson *object, LullEventType type, const char *reason, const char *message,
          const char *when)
{
    LullJson *event = json_object_new_object();
    LullJson *about = lull_json_ensure(event, "involvedObject");
    g_autofree char *name = name_of(object, type, reason, message);
    g_autofree char *api_version = lull_kind_api_version(kind);

    lull_json_set_string(event, "apiVersion", "v1");
    lull_json_set_string(event, "kind", lull_kind_event.kind);
    lull_json_set_string(lull_json_ensure(event, "metadata"), "name", name);
    lull_json_set_string(lull_json_ensure(event, "metadata"), "namespace", lull_meta_namespace(object));
    lull_json_set_string(about, "apiVersion", api_version);
    lull_json_set_string(about, "kind", kind->kind);
    lull_json_set_string(about, "namespace", lull_meta_namespace(object));
    lull_json_set_string(about, "name", lull_meta_name(object));
    lull_json_set_string(about, "uid", lull_meta_uid(object));
    lull_json_set_string(event, "type", type == LULL_EVENT_WARNING ? "Warning" : "Normal");
    lull_json_set_string(event, "reason", reason);
    lull_json_set_string(event, "message", message);
    lull_json_set_string(lull_json_ensure(event, "source"), "component", COMPONENT);
    lull_json_set_string(event, "reportingComponent", COMPONENT);
    lull_json_set_string(event, "firstTimestamp", when);
    lull_json_set_string(event, "lastTimestamp", when);
    lull_json_set_int(event, "count", 1);
    return event;
}

static gboolean
find(LullRecorder *self, LullJson *event, guint *ret_index)
{
    for (guint i = self->entries->len; i-- > 0;) {
        const Entry *entry = (const Entry *)g_ptr_array_index(self->entries, i);

        if (g_strcmp0(entry->name, lull_meta_name(event)) == 0 &&
            g_strcmp0(entry->ns, lull_meta_namespace(event)) == 0) {
            *ret_index = i;
            return TRUE;
        }
    }
    return FALSE;
}

/* FALSE without an error: it is not there any more. */
static gboolean
count_up(LullRecorder *self, guint index, const char *when, gint64 now, GError **error)
{
    Entry *entry = (Entry *)g_ptr_array_index(self->entries, index);
    g_autoptr(LullJson) patch = json_object_new_object();
    g_autoptr(LullJson) patched = NULL;
    g_autoptr(GError) problem = NULL;

    lull_json_set_string(patch, "lastTimestamp", when);
    lull_json_set_int(patch, "count", entry->count + 1);
    patched = lull_store_patch(self->store, &lull_kind_event, entry->ns, entry->name, LULL_PATCH_OBJECT,
                               patch, &problem);
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
        g_ptr_array_remove_index(self->entries, index);
        return FALSE;
    }
    if (!patched) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    entry->count++;
    entry->last = now;
    g_ptr_array_add(self->entries, g_ptr_array_steal_index(self->entries, index));
    return TRUE;
}

static void
add(LullRecorder *self, LullJson *event, gint64 now, GError **error)
{
    g_autoptr(LullJson) created = lull_store_create(self->store, &lull_kind_event, event, error);
    Entry *entry;

    if (!created)
        return;
    entry = entry_of(created);
    entry->last = now;
    g_ptr_array_add(self->entries, entry);
    make_room(self, entry->uid);
}

/* Under the lock. */
static void
keep(LullRecorder *self, LullJson *event, const char *when, gint64 now, GError **error)
{
    g_autoptr(GError) problem = NULL;
    guint index;

    sweep(self, now);
    if (find(self, event, &index) && (count_up(self, index, when, now, &problem) || problem)) {
        if (problem)
            g_propagate_error(error, g_steal_pointer(&problem));
        return;
    }
    add(self, event, now, error);
}

void
lull_recorder_record(LullRecorder *self, const LullKind *kind, LullJson *object, LullEventType type,
                     const char *reason, const char *message, gint64 now)
{
    g_autofree char *text = cut_text(message);
    g_autofree char *when = lull_clock_format(now);
    g_autoptr(LullJson) event = NULL;
    g_autoptr(GError) problem = NULL;

    if (!lull_meta_name(object))
        return;
    event = new_event(kind, object, type, reason, text, when);
    g_mutex_lock(&self->lock);
    keep(self, event, when, now, &problem);
    g_mutex_unlock(&self->lock);
    if (problem)
        g_warning("%s %s: the event \"%s\" is not kept: %s", kind->singular, lull_meta_name(object), text,
                  problem->message);
}

void
lull_recorder_forget(LullRecorder *self, const LullKind *kind, const char *ns, const char *name)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    for (guint i = self->entries->len; i-- > 0;) {
        const Entry *entry = (const Entry *)g_ptr_array_index(self->entries, i);

        if (g_strcmp0(entry->ns, ns) == 0 && g_str_equal(entry->kind, kind->kind) &&
            g_str_equal(entry->what, name))
            drop(self, i);
    }
}

void
lull_recorder_sweep(LullRecorder *self, gint64 now)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    sweep(self, now);
}

LullRecorder *
lull_recorder_new(LullStore *store, const LullRecorderLimits *limits, GError **error)
{
    static const LullRecorderLimits usual = {PER_OBJECT, OVERALL, AGE};
    g_autoptr(LullJson) list = lull_store_list(store, &lull_kind_event, NULL, NULL, error);
    LullJson *items = lull_json_array(list, "items");
    LullRecorder *self;

    if (!list)
        return NULL;
    self = g_new0(LullRecorder, 1);
    self->store = store;
    self->limits = limits ? *limits : usual;
    g_mutex_init(&self->lock);
    self->entries = g_ptr_array_new_with_free_func(entry_free);
    for (size_t i = 0; items && i < json_object_array_length(items); i++)
        g_ptr_array_add(self->entries, entry_of(json_object_array_get_idx(items, i)));
    g_ptr_array_sort(self->entries, by_time);
    return self;
}

void
lull_recorder_free(LullRecorder *self)
{
    if (!self)
        return;
    g_ptr_array_unref(self->entries);
    g_mutex_clear(&self->lock);
    g_free(self);
}
