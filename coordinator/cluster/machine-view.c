/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-view.h"

#include <string.h>

#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/grant-effects.h"
#include "coordinator/reconcile/offline-vm.h"
#include "coordinator/reconcile/snapshot-source.h"
#include "protocol/names.h"

#define SNAPSHOT_LOCK "snapshotInProgress"
#define OWN_SUFFIX    "." LULL_GROUP_SNAPSHOT_OWN
#define PROTECTION    "/snapshot-source-protection"

static const char *const locks[] = {SNAPSHOT_LOCK, "restoreInProgress"};

char *
lull_machine_lock_text(const char *group, const char *name)
{
    return g_strconcat(name, g_str_equal(group, LULL_GROUP_SNAPSHOT_OWN) ? OWN_SUFFIX : "", NULL);
}

char *
lull_machine_lock_owner(const char *group, const char *text)
{
    const gboolean own = g_str_has_suffix(text, OWN_SUFFIX);
    const char *theirs = own ? LULL_GROUP_SNAPSHOT_OWN : LULL_GROUP_SNAPSHOT;
    g_autofree char *name = g_strndup(text, strlen(text) - (own ? strlen(OWN_SUFFIX) : 0));

    return g_str_equal(group, theirs) ? g_steal_pointer(&name) : g_strconcat(theirs, "/", name, NULL);
}

char *
lull_machine_finalizer(const char *group)
{
    return g_strconcat(group, PROTECTION, NULL);
}

static void
look_at_locks(LullJson *vm, LullJson *status, const char *group)
{
    g_autofree char *finalizer = lull_machine_finalizer(group);

    for (gsize i = 0; i < G_N_ELEMENTS(locks); i++) {
        const char *text = lull_json_string(status, locks[i], NULL);
        g_autofree char *owner = text && *text ? lull_machine_lock_owner(group, text) : NULL;

        if (owner)
            lull_json_set_string(status, locks[i], owner);
        else
            json_object_object_del(status, locks[i]);
    }
    if (lull_json_string(status, SNAPSHOT_LOCK, NULL) && !lull_meta_has_finalizer(vm, finalizer))
        lull_json_set_bool(status, LULL_MACHINE_LOOSE, TRUE);
}

/* Would it be off if nobody did anything? */
static gboolean
is_wanted_off(LullJson *vm)
{
    LullJson *spec = lull_json_object(vm, "spec");
    const char *strategy = lull_json_string(spec, "runStrategy", "");

    return g_str_equal(strategy, "Halted") || g_str_equal(strategy, "Manual") ||
           (!*strategy && !lull_json_bool(spec, "running", TRUE));
}

/* An instance that is over says how. Without one there is what KubeVirt has seen: a machine that is wanted
 * off and is stopped was asked to end; between two lives of one that is wanted on nobody knows what its last
 * one came to.
 */
static const char *
end_of(LullJson *vm, LullJson *status, LullJson *instance)
{
    const char *phase = lull_json_string(lull_json_object(instance, "status"), "phase", "");

    if (instance)
        return g_str_equal(phase, "Succeeded") ? LULL_MACHINE_END_STOPPED : LULL_MACHINE_END_CRASHED;
    return is_wanted_off(vm) && g_str_equal(lull_json_string(status, "printableStatus", ""), "Stopped")
               ? LULL_MACHINE_END_STOPPED
               : NULL;
}

static void
look_at_end(LullJson *vm, LullJson *status, LullJson *instance)
{
    const char *uid = lull_meta_uid(vm), *instance_uid = lull_meta_uid(instance);
    g_autofree char *life = g_strdup_printf("%s/%" G_GINT64_FORMAT "/%s", uid ? uid : "",
                                            lull_json_int(lull_json_object(vm, "metadata"), "generation", 0),
                                            instance_uid ? instance_uid : "");

    lull_json_set_string(status, LULL_MACHINE_END, end_of(vm, status, instance));
    lull_json_set_string(status, LULL_MACHINE_LIFE, life);
    lull_json_set_string(status, "printableStatus", "Stopped");
}

/* One that cannot be understood is nowhere, and on. */
static void
look_at_instance(LullJson *vm, LullJson *status, LullJson *document)
{
    g_autoptr(LullInstance) instance = lull_instance_from_json(document, vm, NULL);
    const gboolean there =
        instance && instance->node && !instance->migrating &&
        (instance->state == LULL_INSTANCE_RUNNING || instance->state == LULL_INSTANCE_PAUSED);

    if (instance && instance->state == LULL_INSTANCE_ENDED) {
        look_at_end(vm, status, document);
        return;
    }
    lull_json_set_string(status, LULL_MACHINE_NODE, there ? instance->node : "");
    lull_json_set_string(status, "printableStatus",
                         instance && instance->state == LULL_INSTANCE_PAUSED ? "Paused" : "Running");
}

void
lull_machine_look(LullJson *vm, LullJson *instance, const char *group)
{
    LullJson *status = lull_json_ensure(vm, "status");

    json_object_object_del(status, LULL_MACHINE_NODE);
    json_object_object_del(status, LULL_MACHINE_LOOSE);
    json_object_object_del(status, LULL_MACHINE_END);
    json_object_object_del(status, LULL_MACHINE_LIFE);
    look_at_locks(vm, status, group);
    if (instance)
        look_at_instance(vm, status, instance);
    else
        look_at_end(vm, status, NULL);
}

void
lull_machine_writes_clear(LullMachineWrites *self)
{
    g_clear_pointer(&self->status, json_object_put);
    g_clear_pointer(&self->metadata, json_object_put);
}

/* The members of @wanted that @status does not have like this, locks as they stand in the object. */
static LullJson *
differing(LullJson *status, LullJson *wanted, const char *group)
{
    LullJson *patch = json_object_new_object();

    json_object_object_foreach(wanted, key, value)
    {
        const gboolean lock = g_str_equal(key, locks[0]) || g_str_equal(key, locks[1]);
        g_autofree char *text =
            lock && value ? lull_machine_lock_text(group, json_object_get_string(value)) : NULL;
        g_autoptr(LullJson) out = text ? json_object_new_string(text) : lull_json_dup(value);
        LullJson *now = NULL;

        json_object_object_get_ex(status, key, &now);
        if (!json_object_equal(now, out))
            json_object_object_add(patch, key, g_steal_pointer(&out));
    }
    return patch;
}

LullMachineWrites
lull_machine_plan(LullJson *vm, LullJson *patch, const char *group)
{
    LullJson *wanted = lull_json_object(patch, "status");
    g_autofree char *finalizer = lull_machine_finalizer(group);
    g_autoptr(LullJson) change = differing(lull_json_object(vm, "status"), wanted, group);
    LullMachineWrites writes = {0};
    LullJson *lock = NULL;

    if (json_object_object_length(change) > 0) {
        writes.status = json_object_new_object();
        lull_json_take(writes.status, "status", g_steal_pointer(&change));
    }
    if (!json_object_object_get_ex(wanted, SNAPSHOT_LOCK, &lock))
        return writes;
    writes.metadata_first = lock == NULL;
    writes.metadata = lull_meta_patch_finalizer(vm, finalizer, lock != NULL);
    return writes;
}
