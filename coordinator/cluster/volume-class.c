/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/volume-class.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/class-decide.h"
#include "coordinator/storage/csi/fitness.h"
#include "coordinator/storage/csi/kinds.h"
#include "protocol/error.h"

#define KEY "storageClassName"

const LullKind lull_kind_data_volume = {
    .group = "cdi.kubevirt.io",
    .version = "v1beta1",
    .kind = "DataVolume",
    .plural = "datavolumes",
    .singular = "datavolume",
    .doc = "A claim that is filled with something.",
};

const LullKind lull_kind_storage_class = {
    .group = "storage.k8s.io",
    .version = "v1",
    .kind = "StorageClass",
    .plural = "storageclasses",
    .singular = "storageclass",
    .cluster_scoped = TRUE,
    .doc = "What volumes of a claim are made of, and by whom.",
};

void
lull_volume_class_clear(LullVolumeClass *self)
{
    g_clear_pointer(&self->problem, g_free);
}

/* Of a DataVolume, or of a template for one. */
static const char *
class_in(LullJson *data_volume)
{
    const char *class = lull_json_string(lull_json_at(data_volume, "spec", "pvc", NULL), KEY, "");

    if (!*class)
        class = lull_json_string(lull_json_at(data_volume, "spec", "storage", NULL), KEY, "");
    return *class ? class : NULL;
}

/* Of a claim that is yet to be made: as @data_volume (NULL: none) has it, or the template of that name. NULL:
 * it is not said. */
static const char *
storage_class_to_be(LullJson *vm, const char *name, LullJson *data_volume)
{
    LullJson *templates = lull_json_array(lull_json_object(vm, "spec"), "dataVolumeTemplates");
    const char *class = class_in(data_volume);

    for (size_t i = 0; !class && templates && i < json_object_array_length(templates); i++) {
        LullJson *one = json_object_array_get_idx(templates, i);

        if (g_strcmp0(lull_meta_name(one), name) == 0)
            class = class_in(one);
    }
    return class;
}

/* What lull_csi_class_choose() is asked, with what it lends. */
typedef struct {
    LullCsiClassQuestion question;
    LullJson *data_volume, *profile, *of; /* the volume, or the StorageClass */
    GError *problem;                      /* why there is nothing to ask */
} Asked;

static void
asked_clear(Asked *self)
{
    g_clear_pointer(&self->data_volume, json_object_put);
    g_clear_pointer(&self->profile, json_object_put);
    g_clear_pointer(&self->of, json_object_put);
    g_clear_error(&self->problem);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Asked, asked_clear)

static gboolean
look_at_bound(Asked *self, const LullVolumeClasses *classes, LullJson *claim, const char *volume,
              GError **error)
{
    if (!lull_effect_get(classes->store, &lull_csi_kind_volume, NULL, volume, &self->of, error))
        return FALSE;
    if (!self->of)
        g_set_error(&self->problem, LULL_ERROR, LULL_ERROR_NOT_FOUND, "PVC not bound");
    else if (lull_csi_volume_is_fit(claim, self->of, &self->problem))
        self->question.driver = lull_csi_volume_driver(self->of);
    return TRUE;
}

/* One that is not there is of no driver. */
static gboolean
look_at_class(Asked *self, const LullVolumeClasses *classes, GError **error)
{
    const char *name = self->question.storage_class;

    if (!name) {
        g_set_error(&self->problem, LULL_ERROR, LULL_ERROR_NOT_FOUND, "PVC not bound");
        return TRUE;
    }
    if (!lull_effect_get(classes->store, &lull_kind_storage_class, NULL, name, &self->of, error))
        return FALSE;
    self->question.driver = lull_json_string(self->of, "provisioner", "");
    return TRUE;
}

static gboolean
look_at_profile(Asked *self, const LullVolumeClasses *classes, GError **error)
{
    const char *name = self->question.storage_class;

    if (!name || self->problem || !*self->question.driver)
        return TRUE;
    if (!lull_effect_get(classes->store, &lull_csi_kind_profile, NULL, name, &self->profile, error))
        return FALSE;
    self->question.profile = self->profile;
    return TRUE;
}

static gboolean
find_storage_class(Asked *self, const LullVolumeClasses *classes, const LullCsiVolume *volume,
                   LullJson *claim, GError **error)
{
    if (claim) {
        const char *name = lull_json_string(lull_json_object(claim, "spec"), KEY, "");

        self->question.storage_class = *name ? name : NULL;
        return TRUE;
    }
    if (!lull_effect_get(classes->store, &lull_kind_data_volume, lull_meta_namespace(classes->vm),
                         volume->claim, &self->data_volume, error))
        return FALSE;
    self->question.storage_class = storage_class_to_be(classes->vm, volume->claim, self->data_volume);
    if (!self->question.storage_class)
        g_set_error(&self->problem, LULL_ERROR, LULL_ERROR_NOT_FOUND, "PVC not found");
    return TRUE;
}

gboolean
lull_volume_class_look(const LullVolumeClasses *self, const LullCsiVolume *volume, LullJson *claim,
                       LullVolumeClass *ret_class, GError **error)
{
    const char *bound = lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
    g_auto(Asked) asked = {.question = {.volume = volume->name, .classes = self->classes, .driver = ""}};

    if (!find_storage_class(&asked, self, volume, claim, error))
        return FALSE;
    if (!asked.problem &&
        !(*bound ? look_at_bound(&asked, self, claim, bound, error) : look_at_class(&asked, self, error)))
        return FALSE;
    if (!look_at_profile(&asked, self, error))
        return FALSE;
    if (!asked.problem && lull_csi_class_choose(&asked.question, &asked.problem))
        return TRUE;
    ret_class->problem = g_strdup(asked.problem ? asked.problem->message : "PVC not bound");
    ret_class->mendable = lull_error_is(asked.problem, LULL_ERROR_INVALID);
    return TRUE;
}
