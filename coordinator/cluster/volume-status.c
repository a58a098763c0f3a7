/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/volume-status.h"

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/rival.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status-decide.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/store/kube/leader.h"
#include "protocol/names.h"

const LullKind lull_kind_plain_machine = {
    .group = LULL_GROUP_VM,
    .version = "v1",
    .kind = "VirtualMachine",
    .plural = "virtualmachines",
    .singular = "virtualmachine",
    .doc = "A virtual machine of a cluster.",
};

/* One machine, as it is now. */
typedef struct {
    LullVolumeStatusView view;
    LullJson *vm;
    LullJson *rows; /* as they should be */
} Look;

static void
look_clear(Look *self)
{
    g_clear_pointer(&self->vm, json_object_put);
    g_clear_pointer(&self->rows, json_object_put);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Look, look_clear)

static gboolean
look_for_kubevirt(Look *self, const LullVolumeStatuses *statuses, GError **error)
{
    static const LullListOptions options = {.field_selector = "metadata.name=" LULL_RIVAL_KUBEVIRT};
    g_autoptr(LullJson) leases = lull_store_list(statuses->store, &lull_kind_lease, NULL, &options, error);
    g_autofree char *rival = NULL;

    if (!leases)
        return FALSE;
    rival = lull_rival_find(lull_json_array(leases, "items"), LULL_GROUP_SNAPSHOT, "",
                            lull_store_now(statuses->store));
    self->view.kubevirt = rival != NULL;
    return TRUE;
}

static gboolean
look(Look *self, const LullVolumeStatuses *statuses, const char *ns, const char *name, GError **error)
{
    LullVolumeStatusView *view = &self->view;

    if (!lull_effect_get(statuses->store, &lull_kind_plain_machine, ns, name, &self->vm, error))
        return FALSE;
    view->exists = self->vm && !lull_meta_is_deleting(self->vm);
    if (!view->exists)
        return TRUE;
    self->rows = lull_machine_volume_statuses(statuses->store, self->vm, error);
    if (!self->rows)
        return FALSE;
    view->differs = lull_volume_status_differs(self->vm, self->rows);
    return !view->differs || look_for_kubevirt(self, statuses, error);
}

gboolean
lull_volume_status_pass(gpointer user_data, const char *ns, const char *name, LullPass *ret_pass,
                        GError **error)
{
    const LullVolumeStatuses *statuses = user_data;
    g_auto(Look) now = {{0}};
    LullVolumeStatusStep step;

    if (!look(&now, statuses, ns, name, error))
        return FALSE;
    step = lull_volume_status_decide(&now.view);
    ret_pass->again_usec = step.again_usec;
    if (step.verb == LULL_VOLUME_STATUS_WAIT)
        return TRUE;
    g_debug("machine %s: %s (%s)", name, lull_volume_status_verb_to_string(step.verb), step.reason);
    ret_pass->acted = TRUE;
    return lull_effect_patch(statuses->store, &lull_kind_plain_machine, now.vm, LULL_PATCH_STATUS,
                             lull_volume_status_patch(now.vm, now.rows), error);
}

/* Backend storage is found by a label: any claim of its name space may be it. */
GStrv
lull_volume_status_refs(LullJson *vm)
{
    static const LullKind *const all[] = {&lull_csi_kind_class, &lull_csi_kind_profile,
                                          &lull_kind_storage_class};
    g_autoptr(GPtrArray) volumes = lull_csi_volumes_of(vm, NULL);
    g_autoptr(GPtrArray) refs = g_ptr_array_new();
    const char *ns = lull_meta_namespace(vm);

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        g_ptr_array_add(refs, lull_loop_ref(all[i], "", LULL_LOOP_ANY));
    for (guint i = 0; i < volumes->len; i++) {
        const LullCsiVolume *volume = volumes->pdata[i];

        if (volume->backend)
            g_ptr_array_add(refs, lull_loop_ref(&lull_csi_kind_claim, ns, LULL_LOOP_ANY));
        if (!volume->claim)
            continue;
        g_ptr_array_add(refs, lull_loop_ref(&lull_csi_kind_claim, ns, volume->claim));
        g_ptr_array_add(refs, lull_loop_ref(&lull_kind_data_volume, ns, volume->claim));
    }
    g_ptr_array_add(refs, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&refs), FALSE);
}
