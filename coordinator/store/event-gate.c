/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/event-gate.h"

#include "protocol/clock.h"

const LullEventGateLimits lull_event_gate_usual = {
    .burst = 25,
    .refill = LULL_SEC(300),
    .similar = 10,
    .similar_span = LULL_SEC(600),
    .objects = 1024,
};

/* What was said for one reason; of texts that are too many none is kept. */
typedef struct {
    GHashTable *texts; /* hashes of them: a set */
    gint64 last;
} Reason;

typedef struct {
    guint left;       /* of the burst */
    gint64 refilled;  /* up to when `left` is counted */
    gint64 last;      /* asked */
    GHashTable *said; /* reason -> Reason */
} Object;

struct _LullEventGate {
    LullEventGateLimits limits;
    GHashTable *objects; /* uid -> Object */
};

static void
reason_free(gpointer data)
{
    Reason *reason = data;

    g_hash_table_unref(reason->texts);
    g_free(reason);
}

static void
object_free(gpointer data)
{
    Object *object = data;

    g_hash_table_unref(object->said);
    g_free(object);
}

LullEventGate *
lull_event_gate_new(const LullEventGateLimits *limits)
{
    LullEventGate *self = g_new0(LullEventGate, 1);

    self->limits = *limits;
    self->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, object_free);
    return self;
}

void
lull_event_gate_free(LullEventGate *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->objects);
    g_free(self);
}

static void
forget_oldest(LullEventGate *self)
{
    GHashTableIter iter;
    gpointer uid, value, oldest = NULL;
    gint64 last = G_MAXINT64;

    g_hash_table_iter_init(&iter, self->objects);
    while (g_hash_table_iter_next(&iter, &uid, &value))
        if (((const Object *)value)->last < last) {
            last = ((const Object *)value)->last;
            oldest = uid;
        }
    if (oldest)
        g_hash_table_remove(self->objects, oldest);
}

static Object *
find_object(LullEventGate *self, const char *uid, gint64 now)
{
    Object *object = g_hash_table_lookup(self->objects, uid);

    if (!object) {
        if (g_hash_table_size(self->objects) >= self->limits.objects)
            forget_oldest(self);
        object = g_new0(Object, 1);
        object->left = self->limits.burst;
        object->refilled = now;
        object->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, reason_free);
        g_hash_table_insert(self->objects, g_strdup(uid), object);
    }
    object->last = now;
    return object;
}

/* Whether @text is one too many. */
static gboolean
is_similar(const LullEventGate *self, Object *object, const char *name, const char *text, gint64 now)
{
    Reason *reason = g_hash_table_lookup(object->said, name);

    if (!reason) {
        reason = g_new0(Reason, 1);
        reason->texts = g_hash_table_new(NULL, NULL);
        reason->last = now;
        g_hash_table_insert(object->said, g_strdup(name), reason);
    }
    if (now - reason->last >= self->limits.similar_span)
        g_hash_table_remove_all(reason->texts);
    reason->last = now;
    if (g_hash_table_contains(reason->texts, GUINT_TO_POINTER(g_str_hash(text))))
        return FALSE;
    if (g_hash_table_size(reason->texts) >= self->limits.similar)
        return TRUE;
    g_hash_table_add(reason->texts, GUINT_TO_POINTER(g_str_hash(text)));
    return FALSE;
}

static gboolean
take_one(const LullEventGate *self, Object *object, gint64 now)
{
    const gint64 more = (now - object->refilled) / self->limits.refill;

    object->refilled += more * self->limits.refill;
    object->left = (guint)MIN((gint64)object->left + more, (gint64)self->limits.burst);
    if (object->left == 0)
        return FALSE;
    object->left--;
    return TRUE;
}

LullEventGateVerdict
lull_event_gate_ask(LullEventGate *self, const char *uid, const char *reason, const char *text, gint64 now)
{
    Object *object = find_object(self, uid, now);
    const gboolean similar = is_similar(self, object, reason, text, now);

    if (!take_one(self, object, now))
        return LULL_EVENT_GATE_HUSH;
    return similar ? LULL_EVENT_GATE_COMBINE : LULL_EVENT_GATE_TELL;
}
