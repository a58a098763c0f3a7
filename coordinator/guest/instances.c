/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/instances.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/error.h"

struct _LullInstances {
    char *node;
    GMutex lock;           /* for the rest */
    GHashTable *instances; /* their uid -> LullInstance */
    GPtrArray *stays;      /* of LullStay, lent */
};

struct _LullStay {
    LullInstances *instances;
    char *uid;
    char *pod;
    GCancellable *over;
    const char *broken; /* atomic */
};

static GHashTable *
make_table(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)lull_instance_free);
}

LullInstances *
lull_instances_new(const char *node)
{
    LullInstances *self = g_new0(LullInstances, 1);

    self->node = g_strdup(node);
    g_mutex_init(&self->lock);
    self->instances = make_table();
    self->stays = g_ptr_array_new();
    return self;
}

void
lull_instances_free(LullInstances *self)
{
    g_hash_table_unref(self->instances);
    g_ptr_array_unref(self->stays);
    g_mutex_clear(&self->lock);
    g_free(self->node);
    g_free(self);
}

static gboolean
is_called(const LullInstance *instance, const char *which)
{
    const char *slash = strchr(which, '/');

    if (!slash)
        return g_str_equal(instance->uid, which) || g_str_equal(instance->instance_uid, which);
    return strlen(instance->ns) == (gsize)(slash - which) &&
           strncmp(instance->ns, which, (gsize)(slash - which)) == 0 &&
           g_str_equal(instance->name, slash + 1);
}

/* With the lock held. One that has ended may still be there beside the one that came after it. */
static const LullInstance *
look_up(const LullInstances *self, const char *which)
{
    const LullInstance *found = NULL;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->instances);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LullInstance *instance = value;

        if (is_called(instance, which) && (!found || found->state == LULL_INSTANCE_ENDED))
            found = instance;
    }
    return found;
}

/* With the lock held. TRUE: it is over from now on. */
static gboolean
has_left(const LullInstances *self, LullStay *stay)
{
    const char *broken =
        stay->broken ? NULL : lull_instance_leaves(look_up(self, stay->uid), self->node, stay->pod);

    if (broken)
        g_atomic_pointer_set(&stay->broken, broken);
    return broken != NULL;
}

/* Gives up the lock: whoever is called back then may wait for locks of his own. */
static void
tell_and_unlock(LullInstances *self)
{
    g_autoptr(GPtrArray) over = g_ptr_array_new_with_free_func(g_object_unref);

    for (guint i = 0; i < self->stays->len; i++) {
        LullStay *stay = self->stays->pdata[i];

        if (has_left(self, stay))
            g_ptr_array_add(over, g_object_ref(stay->over));
    }
    g_mutex_unlock(&self->lock);
    for (guint i = 0; i < over->len; i++)
        g_cancellable_cancel(over->pdata[i]);
}

/* NULL: it cannot be understood. */
static LullInstance *
read_instance(LullJson *instance)
{
    g_autoptr(GError) error = NULL;
    LullInstance *heard = lull_instance_from_json(instance, NULL, &error);

    if (error)
        g_warning("%s", error->message);
    return heard;
}

void
lull_instances_hear(LullInstances *self, LullWatchType type, LullJson *instance)
{
    const char *uid = lull_meta_uid(instance);
    LullInstance *heard = NULL;

    if (type == LULL_WATCH_BOOKMARK || type == LULL_WATCH_ERROR || !uid)
        return;
    if (type != LULL_WATCH_DELETED)
        heard = read_instance(instance);
    g_mutex_lock(&self->lock);
    if (heard)
        g_hash_table_replace(self->instances, g_strdup(uid), heard);
    else
        g_hash_table_remove(self->instances, uid);
    tell_and_unlock(self);
}

void
lull_instances_hear_all(LullInstances *self, LullJson *instances)
{
    GHashTable *all = make_table();

    for (size_t i = 0; instances && i < json_object_array_length(instances); i++) {
        LullJson *instance = json_object_array_get_idx(instances, i);
        LullInstance *heard = lull_meta_uid(instance) ? read_instance(instance) : NULL;

        if (heard)
            g_hash_table_replace(all, g_strdup(lull_meta_uid(instance)), heard);
    }
    g_mutex_lock(&self->lock);
    g_hash_table_unref(self->instances);
    self->instances = all;
    tell_and_unlock(self);
}

void
lull_where_clear(LullWhere *self)
{
    g_free(self->pod);
    g_free(self->domain);
    g_free(self->uuid);
}

gboolean
lull_instances_find(LullInstances *self, const char *which, LullWhere *ret_where, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    const LullInstance *instance = look_up(self, which);

    if (!instance) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "virtual machine %s: node %s knows none that runs here", which, self->node);
        return FALSE;
    }
    if (!lull_instance_check_here(instance, self->node, error))
        return FALSE;
    ret_where->pod = g_strdup(instance->pod);
    ret_where->domain = g_strdup(instance->domain);
    ret_where->uuid = g_strdup(instance->domain_uuid);
    return TRUE;
}

gboolean
lull_instances_dress(LullInstances *self, const char *which, const char *pod, LullVm *vm)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    const LullInstance *instance = look_up(self, which);

    if (!instance || g_strcmp0(instance->pod, pod) != 0)
        return FALSE;
    lull_instance_dress(instance, vm);
    return TRUE;
}

LullStay *
lull_instances_watch(LullInstances *self, const char *uid, const char *pod, GCancellable *over)
{
    LullStay *stay = g_new0(LullStay, 1);

    stay->instances = self;
    stay->uid = g_strdup(uid);
    stay->pod = g_strdup(pod);
    stay->over = g_object_ref(over);
    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->stays, stay);
    tell_and_unlock(self);
    return stay;
}

const char *
lull_stay_broken(const LullStay *self)
{
    return g_atomic_pointer_get((const char **)&self->broken);
}

void
lull_stay_end(LullStay *self)
{
    if (!self)
        return;
    g_mutex_lock(&self->instances->lock);
    (void)g_ptr_array_remove_fast(self->instances->stays, self);
    g_mutex_unlock(&self->instances->lock);
    g_object_unref(self->over);
    g_free(self->uid);
    g_free(self->pod);
    g_free(self);
}
