/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/metrics/objects.h"

#include "coordinator/model/meta.h"
#include "protocol/clock.h"

typedef struct {
    LullObjectPhase phase;
    gboolean waited_for; /* it was seen before it ended */
    LullSeries *stamp;   /* NULL: it has not succeeded */
} Object;

struct _LullObjects {
    LullObjectSeries series;
    GHashTable *objects; /* "namespace/name" -> Object */
};

const char *
lull_object_phase_to_string(LullObjectPhase phase)
{
    static const char *const names[LULL_OBJECT_N_PHASES] = {"InProgress", "Succeeded", "Failed", "Deleting"};

    return names[phase];
}

static LullObjectPhase
phase_of(const char *text)
{
    for (guint i = 0; i < LULL_OBJECT_N_PHASES; i++)
        if (g_str_equal(text, lull_object_phase_to_string(i)))
            return i;
    return LULL_OBJECT_IN_PROGRESS;
}

LullObjects *
lull_objects_new(const LullObjectSeries *series)
{
    LullObjects *self = g_new0(LullObjects, 1);

    self->series = *series;
    self->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return self;
}

void
lull_objects_free(LullObjects *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->objects);
    g_free(self);
}

/* What is told of it. */
static void
take_back(LullObjects *self, const Object *object)
{
    lull_series_add(self->series.phases[object->phase], -1);
    lull_registry_drop(self->series.registry, object->stamp);
}

static void
forget(LullObjects *self, const char *key, Object *object)
{
    take_back(self, object);
    g_hash_table_remove(self->objects, key);
}

void
lull_objects_forget(LullObjects *self)
{
    GHashTableIter iter;
    gpointer object = NULL;

    g_hash_table_iter_init(&iter, self->objects);
    while (g_hash_table_iter_next(&iter, NULL, &object))
        take_back(self, object);
    g_hash_table_remove_all(self->objects);
}

static Object *
find(LullObjects *self, const char *key, LullObjectPhase phase)
{
    Object *object = g_hash_table_lookup(self->objects, key);

    if (object) {
        lull_series_add(self->series.phases[object->phase], -1);
    } else {
        object = g_new0(Object, 1);
        g_hash_table_insert(self->objects, g_strdup(key), object);
    }
    object->phase = phase;
    lull_series_add(self->series.phases[phase], 1);
    return object;
}

/* Its end counts once, and only if it was seen before. */
static void
note_end(LullObjects *self, Object *object, LullJson *json, gboolean done, gboolean failed, gint64 now)
{
    const gint64 created = lull_meta_created(json);

    if (!done && !failed) {
        object->waited_for = TRUE;
        return;
    }
    if (!object->waited_for)
        return;
    object->waited_for = FALSE;
    lull_series_add(done ? self->series.done : self->series.failed, 1);
    if (done && created)
        lull_series_observe(self->series.spans, now - created);
}

static void
stamp(LullObjects *self, Object *object, LullJson *json)
{
    LullJson *spec = lull_json_object(json, "spec");
    const char *text = lull_json_string(lull_json_object(json, "status"), "creationTime", NULL);
    const char *values[] = {lull_json_string(lull_json_object(spec, "source"), "name", ""),
                            lull_meta_name(json), lull_meta_namespace(json)};
    gint64 when = 0;

    if (!self->series.has_stamps || !text || !lull_clock_parse(text, &when))
        return;
    if (!object->stamp)
        object->stamp = lull_registry_series(self->series.registry, self->series.stamps, values);
    lull_series_set(object->stamp, when / LULL_SEC(1));
}

/* What is being deleted is not awaited any more. */
static void
see(LullObjects *self, LullJson *json, LullObjectPhase phase, gboolean done, gboolean failed,
    gboolean deleted, gint64 now)
{
    const char *ns = lull_meta_namespace(json), *name = lull_meta_name(json);
    g_autofree char *key = g_strconcat(ns ? ns : "", "/", name ? name : "", NULL);
    Object *object = deleted ? g_hash_table_lookup(self->objects, key) : find(self, key, phase);

    if (deleted) {
        if (object)
            forget(self, key, object);
        return;
    }
    if (phase == LULL_OBJECT_DELETING)
        object->waited_for = FALSE;
    else
        note_end(self, object, json, done, failed, now);
    if (phase == LULL_OBJECT_SUCCEEDED)
        stamp(self, object, json);
}

void
lull_objects_see_snapshot(LullObjects *self, LullJson *snapshot, gboolean deleted, gint64 now)
{
    LullJson *status = lull_json_object(snapshot, "status");
    const LullObjectPhase phase = phase_of(lull_json_string(status, "phase", ""));

    see(self, snapshot, phase, lull_json_bool(status, "readyToUse", FALSE), phase == LULL_OBJECT_FAILED,
        deleted, now);
}

void
lull_objects_see_restore(LullObjects *self, LullJson *restore, gboolean deleted, gint64 now)
{
    const gboolean done = lull_json_bool(lull_json_object(restore, "status"), "complete", FALSE);
    const gboolean failed = !done && lull_condition_is(restore, "Failure", TRUE);
    const LullObjectPhase phase = lull_meta_is_deleting(restore) ? LULL_OBJECT_DELETING
                                  : done                         ? LULL_OBJECT_SUCCEEDED
                                  : failed                       ? LULL_OBJECT_FAILED
                                                                 : LULL_OBJECT_IN_PROGRESS;

    see(self, restore, phase, done, failed, deleted, now);
}
