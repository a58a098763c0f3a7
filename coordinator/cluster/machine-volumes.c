/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-volumes.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/snapshot-source.h"
#include "coordinator/storage/csi/class-decide.h"
#include "coordinator/storage/csi/fitness.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/storage/csi/volumes.h"
#include "protocol/error.h"

const LullKind lull_kind_pod = {
    .group = "",
    .version = "v1",
    .kind = "Pod",
    .plural = "pods",
    .singular = "pod",
    .doc = "What runs on a node.",
};

const LullKind lull_kind_data_volume = {
    .group = "cdi.kubevirt.io",
    .version = "v1beta1",
    .kind = "DataVolume",
    .plural = "datavolumes",
    .singular = "datavolume",
    .doc = "A claim that is filled with something.",
};

/* One machine, as its volumes are read. */
typedef struct {
    LullStore *store;
    LullJson *vm;
    const char *ns;
    LullJson *classes; /* list of VolumeSnapshotClasses */
    GPtrArray *names;  /* of claims, lent by the volumes */
    LullJson *rows;    /* volumeSnapshotStatuses */
    char *problem;     /* the first, by the names of claims */
    char *problem_of;  /* that claim */
} Reading;

static void
reading_clear(Reading *self)
{
    g_clear_pointer(&self->classes, json_object_put);
    g_clear_pointer(&self->names, g_ptr_array_unref);
    g_clear_pointer(&self->rows, json_object_put);
    g_clear_pointer(&self->problem, g_free);
    g_clear_pointer(&self->problem_of, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

const char *
lull_machine_claim_owner(LullJson *claim)
{
    LullJson *owners = lull_json_array(lull_json_object(claim, "metadata"), "ownerReferences");

    for (size_t i = 0; owners && i < json_object_array_length(owners); i++) {
        LullJson *owner = json_object_array_get_idx(owners, i);

        if (g_str_equal(lull_json_string(owner, "kind", ""), lull_kind_data_volume.kind) &&
            lull_json_bool(owner, "controller", FALSE))
            return lull_json_string(owner, "name", NULL);
    }
    return NULL;
}

char *
lull_machine_claim_problem(LullJson *vm, const char *name, LullJson *claim, LullJson *data_volume)
{
    const char *what = NULL;

    if (!claim)
        what = "volume doesnt exist";
    else if (lull_meta_is_deleting(claim))
        what = "volume is being deleted";
    else if (!g_str_equal(lull_json_string(lull_json_object(claim, "status"), "phase", ""), "Bound"))
        what = "volume not bound";
    else if (lull_machine_claim_owner(claim) &&
             !g_str_equal(lull_json_string(lull_json_object(data_volume, "status"), "phase", ""),
                          "Succeeded"))
        what = "volume not populated";
    return what ? g_strdup_printf("source %s/%s %s: %s", lull_meta_namespace(vm), lull_meta_name(vm), what,
                                  name)
                : NULL;
}

static gboolean
uses(LullJson *pod, const char *claim)
{
    LullJson *volumes = lull_json_array(lull_json_object(pod, "spec"), "volumes");

    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++)
        if (g_str_equal(lull_json_string(
                            lull_json_object(json_object_array_get_idx(volumes, i), "persistentVolumeClaim"),
                            "claimName", ""),
                        claim))
            return TRUE;
    return FALSE;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *
lull_machine_pods_problem(LullJson *pods, const GPtrArray *claims)
{
    g_autoptr(GPtrArray) used = g_ptr_array_new();
    g_autofree char *list = NULL;
    guint n = 0;

    for (size_t i = 0; pods && i < json_object_array_length(pods); i++) {
        LullJson *pod = json_object_array_get_idx(pods, i);
        gboolean one = FALSE;

        if (g_str_equal(lull_json_string(lull_json_object(pod, "status"), "phase", ""), "Succeeded"))
            continue;
        for (guint k = 0; k < claims->len; k++) {
            if (!uses(pod, claims->pdata[k]))
                continue;
            one = TRUE;
            if (!g_ptr_array_find_with_equal_func(used, claims->pdata[k], g_str_equal, NULL))
                g_ptr_array_add(used, claims->pdata[k]);
        }
        n += one ? 1 : 0;
    }
    if (n == 0)
        return NULL;
    g_ptr_array_sort(used, compare_names);
    g_ptr_array_add(used, NULL);
    list = g_strjoinv(" ", (char **)used->pdata);
    return g_strdup_printf("source is offline but %u pods using PVCs [%s]", n, list);
}

/* Of several the one of the first claim by name, so that it stays the same. */
static void
note_problem(Reading *self, const char *claim, char *take_problem)
{
    if (!take_problem || (self->problem && strcmp(self->problem_of, claim) <= 0)) {
        g_free(take_problem);
        return;
    }
    g_free(self->problem);
    g_free(self->problem_of);
    self->problem = take_problem;
    self->problem_of = g_strdup(claim);
}

static gboolean
look_whether_ready(Reading *self, const char *name, LullJson *claim, GError **error)
{
    const char *owner = lull_machine_claim_owner(claim);
    g_autoptr(LullJson) data_volume = NULL;

    if (owner && !lull_effect_get(self->store, &lull_kind_data_volume, self->ns, owner, &data_volume, error))
        return FALSE;
    note_problem(self, name, lull_machine_claim_problem(self->vm, name, claim, data_volume));
    return TRUE;
}

/* *@ret_problem: why there is no class for it; NULL: there is one. Which one is chosen again before the cut.
 */
static gboolean
look_for_class(Reading *self, const LullCsiVolume *volume, LullJson *claim, char **ret_problem,
               GError **error)
{
    const char *storage_class = lull_json_string(lull_json_object(claim, "spec"), "storageClassName", NULL);
    const char *name = lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
    LullCsiClassQuestion question = {.storage_class = storage_class,
                                     .volume = volume->name,
                                     .classes = lull_json_array(self->classes, "items")};
    g_autoptr(LullJson) bound = NULL;
    g_autoptr(LullJson) profile = NULL;
    g_autoptr(GError) problem = NULL;

    if ((*name && !lull_effect_get(self->store, &lull_csi_kind_volume, NULL, name, &bound, error)) ||
        (storage_class &&
         !lull_effect_get(self->store, &lull_csi_kind_profile, NULL, storage_class, &profile, error)))
        return FALSE;
    question.profile = profile;
    question.driver =
        bound && lull_csi_volume_is_fit(claim, bound, &problem) ? lull_csi_volume_driver(bound) : "";
    if (bound && !problem && lull_csi_class_choose(&question, &problem))
        return TRUE;
    /* It can be mended, and is worth to be waited for. */
    if (problem && lull_error_is(problem, LULL_ERROR_INVALID))
        note_problem(self, volume->claim, g_strdup(problem->message));
    *ret_problem = g_strdup(problem ? problem->message : "PVC not bound");
    return TRUE;
}

static gboolean
read_volume(Reading *self, const LullCsiVolume *volume, GError **error)
{
    g_autoptr(LullJson) claim = NULL;
    g_autofree char *problem = NULL;
    LullJson *row = NULL;

    if (volume->claim) {
        g_ptr_array_add(self->names, volume->claim);
        if (!lull_effect_get(self->store, &lull_csi_kind_claim, self->ns, volume->claim, &claim, error) ||
            !look_whether_ready(self, volume->claim, claim, error) ||
            (claim && !look_for_class(self, volume, claim, &problem, error)))
            return FALSE;
    }
    row = lull_csi_volume_status(volume, claim, problem);
    if (claim)
        lull_json_take(row, "persistentVolumeClaim", lull_json_dup(claim));
    json_object_array_add(self->rows, row);
    return TRUE;
}

/* Claims of backend storage, which no volume of the spec names. */
static gboolean
list_backend(Reading *self, gboolean online, LullJson **ret_list, GError **error)
{
    g_autofree char *selector = g_strconcat(LULL_CSI_LABEL_BACKEND "=", lull_meta_name(self->vm), NULL);
    const LullListOptions options = {.label_selector = selector};

    *ret_list = NULL;
    if (!lull_csi_needs_backend(self->vm, online))
        return TRUE;
    *ret_list = lull_store_list(self->store, &lull_csi_kind_claim, self->ns, &options, error);
    return *ret_list != NULL;
}

static gboolean
look_at_pods(Reading *self, GError **error)
{
    g_autoptr(LullJson) pods =
        self->names->len ? lull_store_list(self->store, &lull_kind_pod, self->ns, NULL, error) : NULL;

    if (self->names->len && !pods)
        return FALSE;
    if (!self->problem)
        self->problem = lull_machine_pods_problem(lull_json_array(pods, "items"), self->names);
    return TRUE;
}

gboolean
lull_machine_tell_volumes(LullStore *store, LullJson *vm, gboolean online, GError **error)
{
    g_auto(Reading) self = {.store = store, .vm = vm, .ns = lull_meta_namespace(vm)};
    g_autoptr(LullJson) backend = NULL;
    g_autoptr(GPtrArray) volumes = NULL;
    LullJson *status = lull_json_ensure(vm, "status");

    self.names = g_ptr_array_new();
    self.rows = json_object_new_array();
    self.classes = lull_store_list(store, &lull_csi_kind_class, NULL, NULL, error);
    if (!self.classes || !list_backend(&self, online, &backend, error))
        return FALSE;
    volumes = lull_csi_volumes_of(vm, lull_json_array(backend, "items"));
    for (guint i = 0; i < volumes->len; i++)
        if (!read_volume(&self, volumes->pdata[i], error))
            return FALSE;
    if (!online && !look_at_pods(&self, error))
        return FALSE;
    lull_json_take(status, "volumeSnapshotStatuses", g_steal_pointer(&self.rows));
    if (self.problem)
        lull_json_set_string(status, LULL_SOURCE_PROBLEM, self.problem);
    return TRUE;
}
