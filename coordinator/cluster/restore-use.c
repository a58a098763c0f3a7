/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-use.h"

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"

void
lull_restore_users_clear(LullRestoreUsers *self)
{
    g_clear_pointer(&self->machines, json_object_put);
    g_clear_pointer(&self->instances, json_object_put);
    g_clear_pointer(&self->pods, json_object_put);
}

static gboolean
list(LullStore *store, const LullKind *kind, const char *ns, LullJson **ret_items, GError **error)
{
    g_autoptr(LullJson) all = lull_store_list(store, kind, ns, NULL, error);

    *ret_items = json_object_get(lull_json_array(all, "items"));
    return all != NULL;
}

gboolean
lull_restore_users_list(LullStore *store, const char *ns, LullRestoreUsers *ret_users, GError **error)
{
    return list(store, &lull_kind_plain_machine, ns, &ret_users->machines, error) &&
           list(store, &lull_kind_instance, ns, &ret_users->instances, error) &&
           list(store, &lull_kind_pod, ns, &ret_users->pods, error);
}

static gboolean
is_named(LullJson *source, const char *key, const char *claim)
{
    return g_str_equal(lull_json_string(source, key, ""), claim);
}

gboolean
lull_restore_volume_uses(LullJson *volume, const char *claim)
{
    return is_named(lull_json_object(volume, "persistentVolumeClaim"), "claimName", claim) ||
           is_named(lull_json_object(volume, "dataVolume"), "name", claim) ||
           is_named(lull_json_object(volume, "memoryDump"), "claimName", claim) ||
           is_named(lull_json_at(volume, "ephemeral", "persistentVolumeClaim", NULL), "claimName", claim);
}

static gboolean
one_uses(LullJson *volumes, const char *claim)
{
    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++)
        if (lull_restore_volume_uses(json_object_array_get_idx(volumes, i), claim))
            return TRUE;
    return FALSE;
}

gboolean
lull_restore_machine_uses(LullJson *machine, const char *claim)
{
    LullJson *spec = lull_json_object(machine, "spec");
    LullJson *templates = lull_json_array(spec, "dataVolumeTemplates");

    for (size_t i = 0; templates && i < json_object_array_length(templates); i++)
        if (g_strcmp0(lull_meta_name(json_object_array_get_idx(templates, i)), claim) == 0)
            return TRUE;
    return one_uses(lull_json_array(lull_json_at(spec, "template", "spec", NULL), "volumes"), claim);
}

/* Of an instance or a pod. */
static gboolean
body_uses(LullJson *object, const char *claim)
{
    return one_uses(lull_json_array(lull_json_object(object, "spec"), "volumes"), claim);
}

static gboolean
is_another(LullJson *machine, const char *target)
{
    return g_strcmp0(lull_meta_name(machine), target) != 0;
}

static gboolean
goes_on(LullJson *object, const char *target)
{
    const char *phase = lull_json_string(lull_json_object(object, "status"), "phase", "");

    return !g_str_equal(phase, "Succeeded") && !g_str_equal(phase, "Failed");
}

static gboolean
any(LullJson *object, const char *target)
{
    return TRUE;
}

typedef gboolean (*Uses)(LullJson *object, const char *claim);
typedef gboolean (*Counts)(LullJson *object, const char *target);

static char *
find(LullJson *objects, const char *word, Uses uses, const char *claim, Counts counts, const char *target)
{
    for (size_t i = 0; objects && i < json_object_array_length(objects); i++) {
        LullJson *object = json_object_array_get_idx(objects, i);

        if (counts(object, target) && uses(object, claim))
            return g_strdup_printf("%s %s", word, lull_meta_name(object));
    }
    return NULL;
}

static char *
find_user(const LullRestoreUsers *self, const char *claim, Counts machine_counts, Counts body_counts,
          const char *target)
{
    char *user = find(self->machines, "vm", lull_restore_machine_uses, claim, machine_counts, target);

    user = user ? user : find(self->instances, "vmi", body_uses, claim, body_counts, target);
    return user ? user : find(self->pods, "pod", body_uses, claim, body_counts, target);
}

char *
lull_restore_users_find(const LullRestoreUsers *self, const char *claim)
{
    return find_user(self, claim, any, any, NULL);
}

char *
lull_restore_users_find_other(const LullRestoreUsers *self, const char *target, const char *claim)
{
    return find_user(self, claim, is_another, goes_on, target);
}
