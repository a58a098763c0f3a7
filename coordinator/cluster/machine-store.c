/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-store.h"

#include "coordinator/cluster/machine-view.h"
#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/store/ahead.h"
#include "protocol/error.h"

typedef struct {
    LullStore base;
    LullStore *inner;
    char *group;
} Machines;

typedef struct {
    LullWatch base;
    LullWatch *machines;
    LullWatch *instances;
    LullWatchFunc func;
    gpointer user_data;
} Watch;

static LullJson *
machines_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    const Machines *self = (const Machines *)store;
    const LullWant both[] = {{kind, ns, name}, {&lull_kind_instance, ns, name}};
    g_autoptr(LullStore) ahead = lull_store_ahead_new(self->inner);
    g_autoptr(LullJson) vm = NULL;
    g_autoptr(LullJson) instance = NULL;

    lull_store_ahead_ask(ahead, both, G_N_ELEMENTS(both));
    vm = lull_store_get(ahead, kind, ns, name, error);
    if (!vm || !lull_effect_get(ahead, &lull_kind_instance, ns, name, &instance, error))
        return NULL;
    lull_machine_look(vm, instance, self->group);
    return g_steal_pointer(&vm);
}

static LullJson *
machines_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
              GError **error)
{
    const Machines *self = (const Machines *)store;

    return lull_store_list(self->inner, kind, ns, options, error);
}

static gboolean
deny(const LullKind *kind, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED, "%s: nothing but its lock is written", kind->singular);
    return FALSE;
}

static LullJson *
machines_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    deny(kind, error);
    return NULL;
}

static gboolean
machines_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
                GError **error)
{
    return deny(kind, error);
}

/* Nobody may have written since @vm was read, which becomes what was written. */
static gboolean
write_on(const Machines *self, LullJson **vm, LullPatchTarget target, LullJson *patch, GError **error)
{
    LullJson *after = NULL;

    if (!patch)
        return TRUE;
    lull_json_set_string(lull_json_ensure(patch, "metadata"), "resourceVersion", lull_meta_version(*vm));
    after = lull_store_patch(self->inner, &lull_kind_vm, lull_meta_namespace(*vm), lull_meta_name(*vm),
                             target, patch, error);
    if (!after)
        return FALSE;
    json_object_put(*vm);
    *vm = after;
    return TRUE;
}

static LullJson *
machines_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name,
               LullPatchTarget target, LullJson *patch, GError **error)
{
    const Machines *self = (const Machines *)store;
    const char *version = lull_meta_version(patch);
    g_autoptr(LullJson) vm = NULL;
    g_auto(LullMachineWrites) writes = {0};

    if (target != LULL_PATCH_STATUS) {
        deny(kind, error);
        return NULL;
    }
    vm = lull_store_get(self->inner, kind, ns, name, error);
    if (!vm)
        return NULL;
    if (version && g_strcmp0(version, lull_meta_version(vm)) != 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT, "virtualmachine %s/%s has changed", ns, name);
        return NULL;
    }
    writes = lull_machine_plan(vm, patch, self->group);
    if ((writes.metadata_first && !write_on(self, &vm, LULL_PATCH_OBJECT, writes.metadata, error)) ||
        !write_on(self, &vm, LULL_PATCH_STATUS, writes.status, error) ||
        (!writes.metadata_first && !write_on(self, &vm, LULL_PATCH_OBJECT, writes.metadata, error)))
        return NULL;
    return g_steal_pointer(&vm);
}

static void
on_machine(LullWatchType type, LullJson *object, gpointer user_data)
{
    const Watch *watch = user_data;

    watch->func(type, object, watch->user_data);
}

static void
on_instance(LullWatchType type, LullJson *object, gpointer user_data)
{
    const Watch *watch = user_data;

    if (type != LULL_WATCH_BOOKMARK)
        watch->func(type == LULL_WATCH_ERROR ? type : LULL_WATCH_MODIFIED, object, watch->user_data);
}

static void
machines_watch_stop(LullWatch *base)
{
    Watch *watch = (Watch *)base;

    g_clear_pointer(&watch->machines, lull_watch_stop);
    g_clear_pointer(&watch->instances, lull_watch_stop);
    g_free(watch);
}

/* From the beginning only: there are two, with a version each. */
static LullWatch *
machines_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
               GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    Machines *self = (Machines *)store;
    Watch *watch = g_new0(Watch, 1);

    watch->base.store = store;
    watch->func = func;
    watch->user_data = user_data;
    watch->machines =
        lull_store_watch_selected(self->inner, kind, ns, options, context, on_machine, watch, error);
    if (watch->machines)
        watch->instances = lull_store_watch_selected(self->inner, &lull_kind_instance, ns, options, context,
                                                     on_instance, watch, error);
    if (watch->instances)
        return &watch->base;
    machines_watch_stop(&watch->base);
    return NULL;
}

static void
machines_free(LullStore *store)
{
    Machines *self = (Machines *)store;

    g_free(self->group);
    g_free(self);
}

static const LullStoreOps machines_ops = {.get = machines_get,
                                          .list = machines_list,
                                          .create = machines_create,
                                          .patch = machines_patch,
                                          .remove = machines_remove,
                                          .watch = machines_watch,
                                          .watch_stop = machines_watch_stop,
                                          .free = machines_free};

LullStore *
lull_store_machines_new(LullStore *inner, const char *group)
{
    Machines *self = g_new0(Machines, 1);

    self->base.ops = &machines_ops;
    self->inner = inner;
    self->group = g_strdup(group);
    return &self->base;
}
