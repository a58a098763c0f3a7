/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-host-new.h"

#include <string.h>

#include "coordinator/model/host-patch.h"
#include "coordinator/model/meta.h"

/* Of a file: behind it come its suffix and, while it is made, the restore's uid; 255 is the most in all. */
#define MAX_NAME 180

static LullJson *
spec_of(LullJson *restore)
{
    return lull_json_object(restore, "spec");
}

static LullJson *
overrides_of(LullJson *restore)
{
    return lull_json_array(spec_of(restore), "volumeRestoreOverrides");
}

static LullJson *
backups_of(LullJson *content)
{
    return lull_json_array(lull_json_object(content, "spec"), "volumeBackups");
}

static LullJson *
find(LullJson *rows, const char *volume)
{
    for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);

        if (g_str_equal(lull_json_string(row, "volumeName", ""), volume))
            return row;
    }
    return NULL;
}

static gboolean
is_filled(LullJson *object, const char *key)
{
    LullJson *found = lull_json_object(object, key);

    return found && json_object_object_length(found) > 0;
}

static char *
refuse_override(LullJson *override, LullJson *backups)
{
    const char *volume = lull_json_string(override, "volumeName", "");
    const char *name = lull_json_string(override, "restoreName", "");

    if (is_filled(override, "labels") || is_filled(override, "annotations"))
        return g_strdup_printf("spec.volumeRestoreOverrides: %.64s: labels and annotations are not supported "
                               "on a plain host, whose "
                               "volumes are files: leave them out",
                               volume);
    if (!lull_name_is_valid(name))
        return g_strdup_printf(
            "spec.volumeRestoreOverrides: %.64s: its restoreName is not one: it has to consist of "
            "lower case letters, digits, '-' and '.'",
            volume);
    if (backups && !find(backups, volume))
        return g_strdup_printf("spec.volumeRestoreOverrides: the snapshot has no volume %.64s", volume);
    return NULL;
}

/* Files and the machine are called so. */
static char *
refuse_target(LullJson *restore)
{
    const char *name = lull_json_string(lull_json_object(spec_of(restore), "target"), "name", "");

    if (!lull_name_is_valid(name))
        return g_strdup_printf("spec.target.name: a new VM cannot be called \"%.64s\": its name has to "
                               "consist of lower case letters, digits, '-' and '.'",
                               name);
    if (strlen(name) > MAX_NAME)
        return g_strdup_printf("spec.target.name: it has %zu characters, a new VM's may have %d: choose a "
                               "shorter one",
                               strlen(name), MAX_NAME);
    return NULL;
}

static char *
refuse_name(const char *volume, const char *name)
{
    if (strchr(name, '/') || strlen(name) > MAX_NAME)
        return g_strdup_printf("spec.volumeRestoreOverrides: %.64s: its file would have a name that is none, "
                               "or has more than %d characters: give it another one as its restoreName",
                               volume, MAX_NAME);
    return NULL;
}

/* In one folder two of one name would be one file. */
static char *
refuse_files(LullJson *restore, LullJson *backups)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t i = 0; backups && i < json_object_array_length(backups); i++) {
        const char *volume = lull_json_string(json_object_array_get_idx(backups, i), "volumeName", "");
        char *name = lull_restore_host_file(restore, volume);
        char *reason = refuse_name(volume, name);

        if (reason) {
            g_free(name);
            return reason;
        }
        if (!g_hash_table_contains(names, name)) {
            g_hash_table_add(names, name);
            continue;
        }
        g_free(name);
        return g_strdup_printf("spec.volumeRestoreOverrides: %.64s: another volume has the same name",
                               volume);
    }
    return NULL;
}

char *
lull_restore_host_refuse_new(LullJson *restore, LullJson *content)
{
    LullJson *spec = spec_of(restore);
    LullJson *overrides = overrides_of(restore);
    char *reason = refuse_target(restore);

    if (!reason && g_str_equal(lull_json_string(spec, "volumeRestorePolicy", ""), "InPlace"))
        reason = g_strdup(
            "spec.volumeRestorePolicy: InPlace means the VM that the snapshot is of: for a new one leave "
            "it out, or say PrefixTargetName or RandomizeNames");
    for (size_t i = 0; overrides && !reason && i < json_object_array_length(overrides); i++)
        reason = refuse_override(json_object_array_get_idx(overrides, i), backups_of(content));
    if (!reason)
        reason = refuse_files(restore, backups_of(content));
    return reason ? reason : lull_host_patches_check(lull_json_array(spec, "patches"));
}

char *
lull_restore_host_file(LullJson *restore, const char *volume)
{
    LullJson *spec = spec_of(restore);
    LullJson *override = find(overrides_of(restore), volume);
    const char *name = lull_json_string(override, "restoreName", "");

    if (*name)
        return g_strdup(name);
    if (g_str_equal(lull_json_string(spec, "volumeRestorePolicy", ""), "RandomizeNames"))
        return g_strdup_printf("restore-%s-%s", lull_meta_uid(restore), volume);
    return g_strdup_printf("%s-%s", lull_json_string(lull_json_object(spec, "target"), "name", ""), volume);
}

LullJson *
lull_restore_host_files(LullJson *restore)
{
    LullJson *rows = lull_json_array(lull_json_object(restore, "status"), "restores");
    LullJson *files = json_object_new_object();

    for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);

        lull_json_set_string(files, lull_json_string(row, "volumeName", ""),
                             lull_json_string(row, "persistentVolumeClaim", ""));
    }
    return files;
}
