/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-source.h"

#include "coordinator/cluster/machine-revisions.h"
#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/snapshot-source.h"
#include "coordinator/store/ahead.h"
#include "protocol/error.h"

static const LullField revision_fields[] = {
    {.name = "data", .type = LULL_FIELD_ANY, .doc = "What it was."},
    {.name = "revision", .type = LULL_FIELD_INT, .doc = "Of several the last one has the highest."},
    {.name = NULL},
};

const LullKind lull_kind_revision = {
    .group = "apps",
    .version = "v1",
    .kind = "ControllerRevision",
    .plural = "controllerrevisions",
    .singular = "controllerrevision",
    .doc = "Something as it once was.",
    .fields = revision_fields,
};

LullJson *
lull_machine_spec(LullJson *running, LullJson *live)
{
    LullJson *spec = lull_json_dup(running);
    LullJson *inner = lull_json_ensure(lull_json_ensure(spec, "template"), "spec");
    LullJson *devices = lull_json_ensure(lull_json_ensure(inner, "domain"), "devices");

    lull_json_copy(spec, live, "dataVolumeTemplates");
    lull_json_copy(inner, lull_json_at(live, "template", "spec", NULL), "volumes");
    lull_json_copy(devices, lull_json_at(live, "template", "spec", "domain", "devices", NULL), "disks");
    return spec;
}

static gboolean
take_running_spec(LullStore *store, LullJson *vm, LullJson *instance, GError **error)
{
    const char *name =
        lull_json_string(lull_json_object(instance, "status"), "virtualMachineRevisionName", "");
    g_autoptr(LullJson) revision = NULL;
    LullJson *spec = NULL;

    if (!*name)
        return TRUE; /* it does not say: it starts, or is older than that */
    revision = lull_store_get(store, &lull_kind_revision, lull_meta_namespace(vm), name, error);
    if (!revision) {
        g_prefix_error(error, "what virtual machine %s was started with: ", lull_meta_name(vm));
        return FALSE;
    }
    spec = lull_json_at(revision, "data", "spec", NULL);
    if (!spec) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "controllerrevision %s has no spec of a machine",
                    name);
        return FALSE;
    }
    lull_json_take(vm, "spec", lull_machine_spec(spec, lull_json_object(vm, "spec")));
    return TRUE;
}

static gboolean
tell_of_revisions(LullStore *store, LullJson *vm, GError **error)
{
    LullJson *status = lull_json_ensure(vm, "status");
    g_autofree char *problem = NULL;

    if (lull_json_string(status, LULL_SOURCE_PROBLEM, NULL))
        return TRUE; /* that has to be mended first */
    if (!lull_machine_look_for_revisions(store, vm, &problem, error))
        return FALSE;
    lull_json_set_string(status, LULL_SOURCE_PROBLEM, problem);
    return TRUE;
}

gboolean
lull_machine_complete(gpointer user_data, LullJson *vm, GError **error)
{
    g_autoptr(LullStore) store = lull_store_ahead_new(user_data);
    g_autoptr(LullJson) instance = NULL;

    lull_machine_ask_ahead(store, vm);
    if (!lull_effect_get(store, &lull_kind_instance, lull_meta_namespace(vm), lull_meta_name(vm), &instance,
                         error) ||
        (instance && !take_running_spec(store, vm, instance, error)))
        return FALSE;
    lull_json_set_bool(lull_json_ensure(vm, "status"), LULL_SOURCE_SPARSE, TRUE);
    return lull_machine_tell_volumes(store, vm, instance != NULL, error) &&
           tell_of_revisions(store, vm, error);
}
