/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/recorder.h"

#include "coordinator/model/meta.h"
#include "coordinator/store/outbox.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define TELL_FULL LULL_SEC(60) /* that events are dropped is told no more often */

static const LullRecorderLimits limits_of_our_own = {
    .per_object = 32, .overall = 1024, .age = LULL_SEC(24 * 3600)};

/* Servers keep events for an hour; one that is counted up begins its hour again. A pod that ends is killed
 * after its time: nobody reads events that were waited for that long. */
const LullRecorderLimits lull_recorder_of_cluster = {.per_object = 32,
                                                     .overall = 1024,
                                                     .age = LULL_SEC(3600),
                                                     .waiting = 256,
                                                     .linger = LULL_SEC(3),
                                                     .gate = &lull_event_gate_usual};

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
    LullOutbox *outbox; /* of events; NULL: whoever records writes */
    GMutex gate_lock;
    LullEventGate *gate; /* under it; or NULL */
    gint64 told_full_at; /* when the log was told that events are dropped, boot clock; 0: never; under it */
    GMutex lock;         /* guards what is written, and: */
    GPtrArray *entries;  /* of Entry, the one that happened last at the end */
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

static gboolean
is_shared(const LullRecorder *self)
{
    return self->limits.waiting > 0;
}

/* What cannot be removed now is forgotten all the same: it must not be tried again and again. */
static void
drop(LullRecorder *self, guint index)
{
    const Entry *entry = (const Entry *)g_ptr_array_index(self->entries, index);
    g_autoptr(GError) problem = NULL;

    if (!is_shared(self) &&
        !lull_store_remove(self->store, &lull_kind_event, entry->ns, entry->name, NULL, &problem) &&
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

static gint64
time_of(LullJson *event)
{
    gint64 when = 0;

    (void)lull_clock_parse(lull_json_string(event, "lastTimestamp", ""), &when);
    return when;
}

/* @count 0: as it is. The event as it is then. */
static LullJson *
touch(LullRecorder *self, LullJson *event, gint64 count, GError **error)
{
    g_autoptr(LullJson) patch = json_object_new_object();

    lull_json_set_string(patch, "lastTimestamp", lull_json_string(event, "lastTimestamp", NULL));
    lull_json_set_string(patch, "message", lull_json_string(event, "message", NULL));
    if (count > 0)
        lull_json_set_int(patch, "count", count);
    return lull_store_patch(self->store, &lull_kind_event, lull_meta_namespace(event), lull_meta_name(event),
                            LULL_PATCH_OBJECT, patch, error);
}

/* FALSE without an error: it is not there any more. */
static gboolean
count_up(LullRecorder *self, guint index, LullJson *event, GError **error)
{
    Entry *entry = (Entry *)g_ptr_array_index(self->entries, index);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) touched = touch(self, event, entry->count + 1, &problem);

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
        g_ptr_array_remove_index(self->entries, index);
        return FALSE;
    }
    if (!touched) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    entry->count++;
    entry->last = time_of(event);
    g_ptr_array_add(self->entries, g_ptr_array_steal_index(self->entries, index));
    return TRUE;
}

static void
add_entry(LullRecorder *self, LullJson *event)
{
    Entry *entry = entry_of(event);

    g_ptr_array_add(self->entries, entry);
    make_room(self, entry->uid);
}

/* It was told in an earlier life, or by another coordinator: how often, a write tells. FALSE without an
 * error: it went meanwhile. */
static gboolean
adopt(LullRecorder *self, LullJson *event, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) found = touch(self, event, 0, &problem);

    if (found) {
        add_entry(self, found);
        return count_up(self, self->entries->len - 1, event, error);
    }
    if (!lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean
add(LullRecorder *self, LullJson *event, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) created = lull_store_create(self->store, &lull_kind_event, event, &problem);

    if (created) {
        add_entry(self, created);
        return TRUE;
    }
    if (lull_error_is(problem, LULL_ERROR_EXISTS))
        return adopt(self, event, error);
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* Under the lock. FALSE without an error: it came and went. */
static gboolean
keep(LullRecorder *self, LullJson *event, GError **error)
{
    g_autoptr(GError) problem = NULL;
    guint index;

    sweep(self, time_of(event));
    if (!find(self, event, &index))
        return add(self, event, error);
    if (count_up(self, index, event, &problem))
        return TRUE;
    if (!problem)
        return add(self, event, error);
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean
write_event(gpointer item, gpointer user_data)
{
    LullRecorder *self = user_data;
    LullJson *event = item;
    LullJson *about = lull_json_object(event, "involvedObject");
    g_autoptr(GError) problem = NULL;

    g_mutex_lock(&self->lock);
    (void)keep(self, event, &problem);
    g_mutex_unlock(&self->lock);
    if (problem)
        g_warning("%s %s: the event \"%s\" is not kept: %s", lull_json_string(about, "kind", ""),
                  lull_json_string(about, "name", ""), lull_json_string(event, "message", ""),
                  problem->message);
    return problem == NULL;
}

/* NULL: there was too much of this object. */
static LullJson *
make_event(LullRecorder *self, const LullEventText *text, gint64 now)
{
    const char *uid = lull_meta_uid(text->object);
    LullEventGateVerdict verdict = LULL_EVENT_GATE_TELL;

    if (self->gate) {
        g_mutex_lock(&self->gate_lock);
        verdict = lull_event_gate_ask(self->gate, uid ? uid : "", text->reason, text->message,
                                      lull_clock_boottime());
        g_mutex_unlock(&self->gate_lock);
    }
    switch (verdict) {
    case LULL_EVENT_GATE_TELL:
        return lull_event_new(text, now);
    case LULL_EVENT_GATE_COMBINE:
        return lull_event_new_combined(text, now);
    case LULL_EVENT_GATE_HUSH:
        break;
    }
    return NULL;
}

static void
note_full(LullRecorder *self)
{
    const gint64 now = lull_clock_boottime();
    gboolean tell;

    g_mutex_lock(&self->gate_lock);
    tell = !self->told_full_at || now - self->told_full_at >= TELL_FULL;
    if (tell)
        self->told_full_at = now;
    g_mutex_unlock(&self->gate_lock);
    if (tell)
        g_warning("events come faster than the server takes them: some are dropped");
}

void
lull_recorder_record(LullRecorder *self, const LullKind *kind, LullJson *object, LullEventType type,
                     const char *reason, const char *message, gint64 now)
{
    const LullEventText text = {kind, object, type, reason, message};
    g_autoptr(LullJson) event = lull_meta_name(object) ? make_event(self, &text, now) : NULL;

    if (event && !self->outbox)
        (void)write_event(event, self);
    else if (event && !lull_outbox_put(self->outbox, g_steal_pointer(&event)))
        note_full(self);
}

void
lull_recorder_forget(LullRecorder *self, const LullKind *kind, const char *ns, const char *name)
{
    if (is_shared(self))
        return; /* they go with their age, like everybody's; the lock is held by who waits for the server */
    g_mutex_lock(&self->lock);
    for (guint i = self->entries->len; i-- > 0;) {
        const Entry *entry = (const Entry *)g_ptr_array_index(self->entries, i);

        if (g_strcmp0(entry->ns, lull_event_namespace(ns)) == 0 && g_str_equal(entry->kind, kind->kind) &&
            g_str_equal(entry->what, name))
            drop(self, i);
    }
    g_mutex_unlock(&self->lock);
}

void
lull_recorder_sweep(LullRecorder *self, gint64 now)
{
    if (is_shared(self))
        return; /* the next event does */
    g_mutex_lock(&self->lock);
    sweep(self, now);
    g_mutex_unlock(&self->lock);
}

static gboolean
read_entries(LullRecorder *self, GError **error)
{
    g_autoptr(LullJson) list = lull_store_list(self->store, &lull_kind_event, NULL, NULL, error);
    LullJson *items = lull_json_array(list, "items");

    for (size_t i = 0; items && i < json_object_array_length(items); i++)
        g_ptr_array_add(self->entries, entry_of(json_object_array_get_idx(items, i)));
    g_ptr_array_sort(self->entries, by_time);
    return list != NULL;
}

LullRecorder *
lull_recorder_new(LullStore *store, const LullRecorderLimits *limits, GError **error)
{
    LullRecorder *self = g_new0(LullRecorder, 1);

    self->store = store;
    self->limits = limits ? *limits : limits_of_our_own;
    g_mutex_init(&self->lock);
    g_mutex_init(&self->gate_lock);
    self->entries = g_ptr_array_new_with_free_func(entry_free);
    self->gate = self->limits.gate ? lull_event_gate_new(self->limits.gate) : NULL;
    if (!is_shared(self) && !read_entries(self, error)) {
        lull_recorder_free(self);
        return NULL;
    }
    if (is_shared(self))
        self->outbox = lull_outbox_new(self->limits.waiting, self->limits.linger, write_event,
                                       (GDestroyNotify)lull_json_put, self);
    return self;
}

void
lull_recorder_free(LullRecorder *self)
{
    if (!self)
        return;
    lull_outbox_free(self->outbox);
    lull_event_gate_free(self->gate);
    g_ptr_array_unref(self->entries);
    g_mutex_clear(&self->lock);
    g_mutex_clear(&self->gate_lock);
    g_free(self);
}
