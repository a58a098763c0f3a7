/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/class-decide.h"

#include "coordinator/model/meta.h"
#include "protocol/error.h"

#define DEFAULT "snapshot.storage.kubernetes.io/is-default-class"

static const char *
storage_class(const LullCsiClassQuestion *question)
{
    return question->storage_class ? question->storage_class : "";
}

/* By value: "false" is no default. */
static gboolean
is_default(LullJson *class)
{
    return g_strcmp0(lull_meta_annotation(class, DEFAULT), "true") == 0;
}

static LullJson *
find_named(const LullCsiClassQuestion *question, const char *name, GError **error)
{
    for (size_t i = 0; i < json_object_array_length(question->classes); i++) {
        LullJson *class = json_object_array_get_idx(question->classes, i);
        const char *driver = lull_json_string(class, "driver", "");

        if (g_strcmp0(lull_meta_name(class), name) != 0)
            continue;
        if (g_str_equal(driver, question->driver))
            return class;
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "StorageProfile %s names VolumeSnapshotClass %s, whose driver is %s and not %s: nobody "
                    "would cut volume %s; correct the profile",
                    storage_class(question), name, driver, question->driver, question->volume);
        return NULL;
    }
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
        "No VolumeSnapshotClass: Volume snapshots are not configured for this StorageClass [%s] [%s]: "
        "its StorageProfile names %s, which does not exist",
        storage_class(question), question->volume, name);
    return NULL;
}

static GPtrArray *
matching(const LullCsiClassQuestion *question, gboolean defaults_only)
{
    GPtrArray *found = g_ptr_array_new();

    for (size_t i = 0; i < json_object_array_length(question->classes); i++) {
        LullJson *class = json_object_array_get_idx(question->classes, i);

        if (g_str_equal(lull_json_string(class, "driver", ""), question->driver) &&
            (!defaults_only || is_default(class)))
            g_ptr_array_add(found, class);
    }
    return found;
}

static void
set_ambiguous(const LullCsiClassQuestion *question, const GPtrArray *classes, guint n_defaults,
              GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < classes->len; i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", lull_meta_name(classes->pdata[i]));
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "%u matching VolumeSnapshotClasses for %s: %s; %u of them say that they are the default: let "
                "exactly one have the annotation " DEFAULT "=true, or name one in the StorageProfile",
                classes->len, storage_class(question), names->str, n_defaults);
}

LullJson *
lull_csi_class_choose(const LullCsiClassQuestion *question, GError **error)
{
    const char *named = lull_json_string(lull_json_object(question->profile, "status"), "snapshotClass", "");
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GPtrArray) defaults = NULL;

    if (*named)
        return find_named(question, named, error);
    all = matching(question, FALSE);
    defaults = matching(question, TRUE);
    if (all->len == 1)
        return all->pdata[0];
    if (defaults->len == 1)
        return defaults->pdata[0];
    if (all->len > 1)
        set_ambiguous(question, all, defaults->len, error);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "No VolumeSnapshotClass: Volume snapshots are not configured for this StorageClass [%s] "
                    "[%s]",
                    storage_class(question), question->volume);
    return NULL;
}
