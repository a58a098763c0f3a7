/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-volumes.h"

#include <string.h>

#include "coordinator/cluster/volume-class.h"
#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/grant-effects.h"
#include "coordinator/reconcile/snapshot-source.h"
#include "coordinator/storage/csi/ask-ahead.h"
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

/* One machine, as its volumes are read. */
typedef struct {
    LullStore *store;
    LullJson *vm;
    const char *ns;
    LullJson *classes; /* list of VolumeSnapshotClasses */
    GPtrArray *names;  /* of claims */
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

/* Why it cannot be cut; NULL: it can. */
static gboolean
look_for_class(Reading *self, const LullCsiVolume *volume, LullJson *claim, char **ret_problem,
               GError **error)
{
    const LullVolumeClasses classes = {self->store, self->vm, lull_json_array(self->classes, "items")};
    g_auto(LullVolumeClass) class = {0};

    if (!lull_volume_class_look(&classes, volume, claim, &class, error))
        return FALSE;
    if (class.mendable)
        note_problem(self, volume->claim, g_strdup(class.problem));
    *ret_problem = g_steal_pointer(&class.problem);
    return TRUE;
}

static gboolean
get_claim(Reading *self, const LullCsiVolume *volume, LullJson **ret_claim, GError **error)
{
    return lull_effect_get(self->store, &lull_csi_kind_claim, self->ns, volume->claim, ret_claim, error);
}

/* For a snapshot of it, now. */
static gboolean
read_volume(Reading *self, const LullCsiVolume *volume, GError **error)
{
    g_autoptr(LullJson) claim = NULL;
    g_autofree char *problem = NULL;
    LullJson *row = NULL;

    if (volume->claim) {
        g_ptr_array_add(self->names, g_strdup(volume->claim));
        if (!get_claim(self, volume, &claim, error) ||
            !look_whether_ready(self, volume->claim, claim, error) ||
            (claim && !look_for_class(self, volume, claim, &problem, error)))
            return FALSE;
    }
    if (!claim)
        problem = g_strdup("PVC not found");
    row = lull_csi_volume_status(volume, problem);
    if (claim)
        lull_json_take(row, "persistentVolumeClaim", lull_json_dup(claim));
    json_object_array_add(self->rows, row);
    return TRUE;
}

/* For who only wants to know. */
static gboolean
read_status(Reading *self, const LullCsiVolume *volume, GError **error)
{
    g_autoptr(LullJson) claim = NULL;
    g_autofree char *problem = NULL;

    if (!volume->claim)
        problem = g_strdup("PVC not found");
    else if (!get_claim(self, volume, &claim, error) || !look_for_class(self, volume, claim, &problem, error))
        return FALSE;
    json_object_array_add(self->rows, lull_csi_volume_status(volume, problem));
    return TRUE;
}

/* A cluster without VolumeSnapshots has none. */
static gboolean
list_classes(Reading *self, GError **error)
{
    g_autoptr(GError) problem = NULL;

    self->classes = lull_store_list(self->store, &lull_csi_kind_class, NULL, NULL, &problem);
    if (self->classes)
        return TRUE;
    if (!lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    self->classes = json_object_new_object();
    lull_json_take(self->classes, "items", json_object_new_array());
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

typedef gboolean (*ReadFunc)(Reading *self, const LullCsiVolume *volume, GError **error);

static gboolean
read_all(Reading *self, gboolean online, ReadFunc each, GError **error)
{
    g_autoptr(LullJson) backend = NULL;
    g_autoptr(GPtrArray) volumes = NULL;

    self->names = g_ptr_array_new_with_free_func(g_free);
    self->rows = json_object_new_array();
    if (!list_classes(self, error) || !list_backend(self, online, &backend, error))
        return FALSE;
    volumes = lull_csi_volumes_of(self->vm, lull_json_array(backend, "items"));
    for (guint i = 0; i < volumes->len; i++)
        if (!each(self, volumes->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* Claims of backend storage are not known yet. */
void
lull_machine_ask_ahead(LullStore *ahead, LullJson *vm)
{
    const char *ns = lull_meta_namespace(vm);
    const LullWant others[] = {{&lull_csi_kind_class, NULL, NULL},
                               {&lull_kind_instance, ns, lull_meta_name(vm)},
                               {&lull_kind_pod, ns, NULL}};
    const gboolean online = lull_json_string(lull_json_object(vm, "status"), LULL_MACHINE_NODE, NULL) != NULL;
    g_autoptr(GPtrArray) volumes = lull_csi_volumes_of(vm, NULL);
    g_autoptr(GPtrArray) claims = g_ptr_array_new();

    for (guint i = 0; i < volumes->len; i++) {
        const LullCsiVolume *volume = volumes->pdata[i];

        if (volume->claim)
            g_ptr_array_add(claims, volume->claim);
    }
    lull_csi_ask_ahead(ahead, &(LullCsiAhead){.ns = ns,
                                              .claims = claims,
                                              .others = others,
                                              .n_others = !online && claims->len ? 3 : 2,
                                              .also = &lull_kind_data_volume,
                                              .also_of = lull_machine_claim_owner});
}

gboolean
lull_machine_tell_volumes(LullStore *store, LullJson *vm, gboolean online, GError **error)
{
    g_auto(Reading) self = {.store = store, .vm = vm, .ns = lull_meta_namespace(vm)};
    LullJson *status = lull_json_ensure(vm, "status");

    if (!read_all(&self, online, read_volume, error) || (!online && !look_at_pods(&self, error)))
        return FALSE;
    lull_json_take(status, "volumeSnapshotStatuses", g_steal_pointer(&self.rows));
    if (self.problem)
        lull_json_set_string(status, LULL_SOURCE_PROBLEM, self.problem);
    return TRUE;
}

LullJson *
lull_machine_volume_statuses(LullStore *store, LullJson *vm, GError **error)
{
    g_auto(Reading) self = {.store = store, .vm = vm, .ns = lull_meta_namespace(vm)};

    return read_all(&self, TRUE, read_status, error) ? g_steal_pointer(&self.rows) : NULL;
}
