/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/new-files.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/occupied.h"
#include "protocol/error.h"

void
lull_new_files_init(LullNewFiles *self, const char *uid)
{
    *self = (LullNewFiles){uid, g_ptr_array_new_with_free_func(g_free), json_object_new_object()};
}

void
lull_new_files_clear(LullNewFiles *self)
{
    g_clear_pointer(&self->paths, g_ptr_array_unref);
    g_clear_pointer(&self->finished, lull_json_put);
}

static gint64
changed_at(const struct stat *info)
{
    return (gint64)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
}

/* Of what bears its first name. */
static gboolean
look(const LullNewFiles *self, const char *path, struct stat *ret_info)
{
    g_autofree char *fresh = lull_restore_fresh_name(path, self->uid);

    return lstat(fresh, ret_info) == 0 && S_ISREG(ret_info->st_mode);
}

void
lull_new_files_take_records(LullNewFiles *self, LullJson *mark)
{
    LullJson *records = lull_json_object(mark, "finished");

    for (guint i = 0; records && i < self->paths->len; i++) {
        const char *path = g_ptr_array_index(self->paths, i);
        LullJson *record = lull_json_object(records, path);
        struct stat info;

        if (record && look(self, path, &info)) /* else it is made anew */
            lull_json_take(self->finished, path, lull_json_dup(record));
    }
}

void
lull_new_files_read(LullNewFiles *self, LullJson *mark)
{
    LullJson *names = lull_json_array(mark, "files");

    for (size_t i = 0; names && i < json_object_array_length(names); i++) {
        const char *path = json_object_get_string(json_object_array_get_idx(names, i));

        if (path && g_path_is_absolute(path))
            g_ptr_array_add(self->paths, g_strdup(path));
    }
    lull_new_files_take_records(self, mark);
}

char *
lull_new_files_text(const LullNewFiles *self)
{
    g_autoptr(LullJson) text = json_object_new_object();
    LullJson *names = json_object_new_array();

    for (guint i = 0; i < self->paths->len; i++)
        lull_json_append_string(names, g_ptr_array_index(self->paths, i));
    lull_json_take(text, "files", names);
    lull_json_take(text, "finished", lull_json_dup(self->finished));
    return g_strdup(lull_json_to_line(text));
}

static gboolean
is_as_recorded(const LullNewFiles *self, const char *path, const struct stat *info)
{
    LullJson *record = lull_json_object(self->finished, path);

    return record && lull_json_int(record, "size", -1) == (gint64)info->st_size &&
           lull_json_int(record, "mtime", -1) == changed_at(info);
}

gboolean
lull_new_files_has(const LullNewFiles *self, const char *path)
{
    struct stat info;

    return look(self, path, &info) && is_as_recorded(self, path, &info);
}

void
lull_new_files_record(LullNewFiles *self)
{
    for (guint i = 0; i < self->paths->len; i++) {
        const char *path = g_ptr_array_index(self->paths, i);
        LullJson *record = NULL;
        struct stat info;

        if (lull_json_object(self->finished, path) || !look(self, path, &info))
            continue;
        record = json_object_new_object();
        lull_json_set_int(record, "size", info.st_size);
        lull_json_set_int(record, "mtime", changed_at(&info));
        lull_json_take(self->finished, path, record);
    }
}

gboolean
lull_new_files_check_unchanged(const LullNewFiles *self, GError **error)
{
    for (guint i = 0; i < self->paths->len; i++) {
        const char *path = g_ptr_array_index(self->paths, i);
        struct stat info;

        if (!look(self, path, &info) || !lull_json_object(self->finished, path) ||
            is_as_recorded(self, path, &info))
            continue;
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_INVALID,
            "image %s: it was written to since it was brought back, as by a virtual machine that had it and "
            "is gone: no other one is made of it; restore once more, under another name or with that file "
            "moved away",
            path);
        return FALSE;
    }
    return TRUE;
}

static gboolean
is_same_file(const char *a, const char *b)
{
    struct stat one;
    struct stat other;

    return lstat(a, &one) == 0 && lstat(b, &other) == 0 && S_ISREG(one.st_mode) &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static gboolean
set_exists(const char *path, GError **error)
{
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_INVALID,
        "image %s: there is a file of that name, which stays as it is: move it away, or choose another name: "
        "of the new virtual machine, or of the volume's file alone (spec.volumeRestoreOverrides)",
        path);
    return FALSE;
}

gboolean
lull_new_files_check_free(const LullNewFiles *self, GError **error)
{
    for (guint i = 0; i < self->paths->len; i++) {
        const char *path = g_ptr_array_index(self->paths, i);
        g_autofree char *fresh = lull_restore_fresh_name(path, self->uid);
        struct stat info;

        if (lstat(path, &info) == 0 && !is_same_file(fresh, path))
            return set_exists(path, error);
    }
    return TRUE;
}

static char *
trial_of(const char *fresh)
{
    return g_strconcat(fresh, ".link", NULL);
}

static gboolean
try_one(const char *fresh, GError **error)
{
    g_autofree char *part = g_strconcat(fresh, ".part", NULL);
    g_autofree char *trial = trial_of(fresh);
    const int fd = lull_folder_open_new(part);
    gboolean ok;
    int saved;

    if (fd < 0)
        return lull_folder_errno(error, errno, "image", part);
    close(fd);
    ok = link(part, trial) == 0 || errno == EEXIST;
    saved = errno;
    (void)unlink(trial);
    (void)unlink(part);
    if (!ok && (saved == EPERM || saved == EOPNOTSUPP || saved == EMLINK))
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                    "image %s: the file system of its folder has no hard links, without which a new virtual "
                    "machine could take the place of somebody's file: none can be made there",
                    fresh);
    else if (!ok)
        lull_folder_errno(error, saved, "second name for image", fresh);
    return ok;
}

gboolean
lull_new_files_try(const LullNewFiles *self, GError **error)
{
    for (guint i = 0; i < self->paths->len; i++) {
        g_autofree char *fresh = lull_restore_fresh_name(g_ptr_array_index(self->paths, i), self->uid);

        if (!try_one(fresh, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
lull_new_files_place(const LullNewFiles *self, GError **error)
{
    for (guint i = 0; i < self->paths->len; i++) {
        const char *path = g_ptr_array_index(self->paths, i);
        g_autofree char *fresh = lull_restore_fresh_name(path, self->uid);
        g_autofree char *parent = g_path_get_dirname(path);

        if (link(fresh, path) < 0 && errno != EEXIST)
            return lull_folder_errno(error, errno, "second name for image", path);
        if (!is_same_file(fresh, path))
            return set_exists(path, error);
        if (!lull_folder_sync(parent, error))
            return FALSE;
    }
    return TRUE;
}

static void
forget_first(const char *fresh)
{
    g_autofree char *part = g_strconcat(fresh, ".part", NULL);
    g_autofree char *trial = trial_of(fresh);

    (void)g_unlink(fresh);
    (void)g_unlink(part);
    (void)g_unlink(trial);
}

void
lull_new_files_settle(const LullNewFiles *self)
{
    for (guint i = 0; i < self->paths->len; i++) {
        g_autofree char *fresh = lull_restore_fresh_name(g_ptr_array_index(self->paths, i), self->uid);

        forget_first(fresh);
    }
}

/* By any machine, whatever it is called, running or not; INVALID says who. */
static gboolean
check_unused(LullLink *link, const char *path, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();

    g_ptr_array_add(paths, (char *)path);
    return lull_occupied_check(link, "", "", paths, error);
}

/* One that runs by whoever's hand has the image locked; while we have it, none can be started. */
static gboolean
unlink_locked(const LullNewFiles *self, const char *fresh, const char *path, GError **error)
{
    LullImageLock *lock = lull_image_lock(path, error);
    gboolean ok;

    if (!lock)
        return FALSE;
    ok = is_same_file(fresh, path) && lull_new_files_has(self, path);
    if (ok)
        (void)g_unlink(path);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "image %s: it is not known to be as it was brought back", path);
    lull_image_unlock(lock);
    return ok;
}

static gboolean
take_back_one(const LullNewFiles *self, LullLink *link, const char *path, GError **error)
{
    g_autofree char *fresh = lull_restore_fresh_name(path, self->uid);
    g_autoptr(GError) problem = NULL;
    const gboolean placed = is_same_file(fresh, path);
    const gboolean unused = check_unused(link, placed ? path : fresh, &problem);

    if (problem && !lull_error_is(problem, LULL_ERROR_INVALID)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (unused && placed)
        (void)unlink_locked(self, fresh, path, &problem);
    if (problem)
        g_message("restore %s: %s: it stays", self->uid, problem->message);
    if (unused || placed)
        forget_first(fresh);
    return TRUE;
}

gboolean
lull_new_files_take_back(const LullNewFiles *self, LullLink *link, GError **error)
{
    for (guint i = 0; i < self->paths->len; i++)
        if (!take_back_one(self, link, g_ptr_array_index(self->paths, i), error))
            return FALSE;
    return TRUE;
}
