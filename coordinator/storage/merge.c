/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/merge.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/image.h"
#include "coordinator/storage/lineage.h"
#include "protocol/error.h"
#include "protocol/step.h"

#define REMOVAL "removal.json"

typedef struct {
    char *parent_folder;
    char *child_folder;
    LullJson *parent; /* manifests */
    LullJson *child;
    LullJson *removal; /* removal.json */
    GCancellable *cancel;
} Merge;

static void
merge_clear(Merge *self)
{
    g_clear_pointer(&self->parent_folder, g_free);
    g_clear_pointer(&self->child_folder, g_free);
    g_clear_pointer(&self->parent, lull_json_put);
    g_clear_pointer(&self->child, lull_json_put);
    g_clear_pointer(&self->removal, lull_json_put);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Merge, merge_clear)

gboolean
lull_merge_is_removing(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, REMOVAL, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

gboolean
lull_merge_mark(const char *folder, GError **error)
{
    return lull_merge_is_removing(folder) || lull_folder_write(folder, REMOVAL, "{}", error);
}

char *
lull_merge_heir(const char *directory, const char *uid)
{
    g_autofree char *folder = lull_folder_path(directory, uid, 0, NULL);
    g_autoptr(LullJson) removal = folder ? lull_folder_read_json(folder, REMOVAL, NULL) : NULL;

    return g_strdup(lull_json_string(removal, "heir", NULL));
}

static LullJson *
moved_row(const Merge *self, const char *file)
{
    LullJson *moved = lull_json_array(self->removal, "moved");

    for (size_t i = 0; moved && i < json_object_array_length(moved); i++) {
        LullJson *row = json_object_array_get_idx(moved, i);

        if (g_strcmp0(lull_json_string(row, "file", NULL), file) == 0)
            return row;
    }
    return NULL;
}

static gboolean
write_removal(const Merge *self, GError **error)
{
    return lull_folder_write(self->parent_folder, REMOVAL, lull_json_to_line(self->removal), error);
}

static gboolean
check_sum(const Merge *self, const char *folder, LullJson *volume, GError **error)
{
    g_autofree char *path = g_build_filename(folder, lull_json_string(volume, "file", ""), NULL);
    g_autofree char *sum = lull_folder_sha256(path, self->cancel, error);

    if (sum && g_str_equal(sum, lull_json_string(volume, "sha256", "")))
        return TRUE;
    if (sum)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "stored volume %s: its data are not what was stored: what is based on it is damaged too, "
                    "and has to be deleted first",
                    path);
    return FALSE;
}

/* The rows of the child that have a file of the parent behind them, one after the other. */
static LullJson *
next_volume(const Merge *self, size_t *at, LullJson **ret_behind)
{
    LullJson *volumes = lull_json_array(self->child, "volumes");

    while (*at < json_object_array_length(volumes)) {
        LullJson *volume = json_object_array_get_idx(volumes, (*at)++);

        if (!lull_lineage_is_incremental(volume))
            continue;
        *ret_behind = lull_lineage_volume(self->parent, lull_json_string(volume, "name", NULL));
        return volume;
    }
    return NULL;
}

/* Before anything is written: from here on nothing can be compared any more. */
static gboolean
begin(Merge *self, const char *child, GError **error)
{
    LullJson *volume;
    LullJson *behind = NULL;
    size_t at = 0;

    while ((volume = next_volume(self, &at, &behind))) {
        if (!behind ||
            !g_str_equal(lull_json_string(volume, "file", ""), lull_json_string(behind, "file", ""))) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                        "content %s: its volume %s is based on one that is not there", self->child_folder,
                        lull_json_string(volume, "name", ""));
            return FALSE;
        }
        if (!check_sum(self, self->parent_folder, behind, error) ||
            !check_sum(self, self->child_folder, volume, error))
            return FALSE;
    }
    lull_json_set_string(self->removal, "heir", child);
    lull_json_take(self->removal, "moved", json_object_new_array());
    return write_removal(self, error);
}

/* The parent's file gets what the child's has; its sum is noted before it goes over. */
static gboolean
commit(Merge *self, const char *file, GError **error)
{
    g_autofree char *from = g_build_filename(self->child_folder, file, NULL);
    g_autofree char *into = g_build_filename(self->parent_folder, file, NULL);
    g_autofree char *sum = NULL;
    LullJson *row = NULL;
    struct stat info;

    if (!lull_image_commit(from, self->cancel, error) || !lull_folder_sync(into, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_MERGE_COMMITTED);
    sum = lull_folder_sha256(into, self->cancel, error);
    if (!sum)
        return FALSE;
    if (stat(into, &info) < 0)
        return lull_folder_errno(error, errno, "reading", into);
    row = json_object_new_object();
    lull_json_set_string(row, "file", file);
    lull_json_set_int(row, "size", info.st_size);
    lull_json_set_string(row, "sha256", sum);
    json_object_array_add(lull_json_array(self->removal, "moved"), row);
    return write_removal(self, error);
}

static gboolean
move(const Merge *self, const char *file, GError **error)
{
    g_autofree char *from = g_build_filename(self->parent_folder, file, NULL);
    g_autofree char *to = g_build_filename(self->child_folder, file, NULL);

    if (rename(from, to) < 0 && errno != ENOENT)
        return lull_folder_errno(error, errno, "moving", from);
    lull_step(LULL_STEP_COORDINATOR_MERGE_MOVED);
    return lull_folder_sync(self->child_folder, error) && lull_folder_sync(self->parent_folder, error);
}

static gboolean
take_over(const Merge *self, GError **error)
{
    const char *grandparent = lull_json_string(self->parent, "parent", NULL);
    gboolean incremental = FALSE;
    LullJson *volume;
    LullJson *behind = NULL;
    size_t at = 0;

    while ((volume = next_volume(self, &at, &behind))) {
        LullJson *row = moved_row(self, lull_json_string(volume, "file", NULL));

        lull_json_set_int(volume, "size", lull_json_int(row, "size", -1));
        lull_json_set_string(volume, "sha256", lull_json_string(row, "sha256", ""));
        lull_json_set_string(volume, "copy", lull_json_string(behind, "copy", "full"));
        incremental |= lull_lineage_is_incremental(behind);
    }
    json_object_object_del(self->child, "parent");
    if (incremental)
        lull_json_set_string(self->child, "parent", grandparent);
    return lull_manifest_store(self->child_folder, self->child, error);
}

static gboolean
load(Merge *self, const char *directory, const char *uid, const char *child, GError **error)
{
    self->parent_folder = lull_folder_path(directory, uid, 0, error);
    self->child_folder = self->parent_folder ? lull_folder_path(directory, child, 0, error) : NULL;
    self->parent = self->child_folder ? lull_manifest_read(self->parent_folder, error) : NULL;
    self->child = self->parent ? lull_manifest_read(self->child_folder, error) : NULL;
    self->removal = self->child ? lull_folder_read_json(self->parent_folder, REMOVAL, error) : NULL;
    return self->removal != NULL;
}

gboolean
lull_merge_run(const char *directory, const char *uid, const char *child, GCancellable *cancel,
               GError **error)
{
    g_auto(Merge) self = {.cancel = cancel};
    LullJson *volume;
    LullJson *behind = NULL;
    size_t at = 0;

    if (!load(&self, directory, uid, child, error))
        return FALSE;
    if (g_strcmp0(lull_json_string(self.removal, "heir", NULL), child) != 0 && !begin(&self, child, error))
        return FALSE;
    while ((volume = next_volume(&self, &at, &behind))) {
        const char *file = lull_json_string(volume, "file", "");

        if ((!moved_row(&self, file) && !commit(&self, file, error)) || !move(&self, file, error))
            return FALSE;
    }
    if (!take_over(&self, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_MERGED);
    return TRUE;
}
