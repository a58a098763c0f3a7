/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "coordinator/model/size.h"
#include "coordinator/storage/digest.h"
#include "protocol/error.h"

#define MAX_JSON (4 * 1024 * 1024)
#define BLOCK    (1024 * 1024)
#define ATTEMPT  ".attempt-" /* between uid and number */

gboolean
lull_folder_errno(GError **error, int saved_errno, const char *what, const char *path)
{
    LullError code = LULL_ERROR_FAILED;

    if (saved_errno == ENOSPC || saved_errno == EDQUOT)
        code = LULL_ERROR_NO_SPACE;
    else if (saved_errno == ENOENT)
        code = LULL_ERROR_NOT_FOUND;
    else if (saved_errno == EACCES || saved_errno == EPERM)
        code = LULL_ERROR_DENIED;
    g_set_error(error, LULL_ERROR, code, "%s %s: %s", what, path, g_strerror(saved_errno));
    return FALSE;
}

char *
lull_folder_path(const char *directory, const char *uid, guint attempt, GError **error)
{
    if (!uid || !g_uuid_string_is_valid(uid)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "content \"%s\": not a UUID", uid ? uid : "");
        return NULL;
    }
    return attempt ? g_strdup_printf("%s/%s" ATTEMPT "%u", directory, uid, attempt)
                   : g_strdup_printf("%s/%s", directory, uid);
}

gboolean
lull_folder_is_attempt(const char *name)
{
    return strstr(name, ATTEMPT) && !g_str_has_suffix(name, ".removing");
}

gboolean
lull_folder_make(const char *path, GError **error)
{
    if (!lull_folder_remove(path, error))
        return FALSE;
    /* QEMU, as another user, must get through to the files it is handed; it need not see their names */
    if (mkdir(path, 0711) < 0 || chmod(path, 0711) < 0)
        return lull_folder_errno(error, errno, "folder", path);
    return TRUE;
}

static gboolean
remove_at(int parent, const char *name, int depth)
{
    int fd = -1;
    DIR *dir;
    struct dirent *entry;
    gboolean ok = TRUE;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return TRUE;
    if ((errno != EISDIR && errno != EPERM) || depth > 4)
        return FALSE;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return FALSE;
    }
    while (ok && (entry = readdir(dir)))
        if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
            ok = remove_at(dirfd(dir), entry->d_name, depth + 1);
    closedir(dir);
    return ok && (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

gboolean
lull_folder_remove(const char *path, GError **error)
{
    g_autofree char *aside = g_strconcat(path, ".removing", NULL);
    const char *going = path;

    /* at once out of sight, so that half of a content is never taken for one */
    if (!g_str_has_suffix(path, ".removing")) {
        if (!remove_at(AT_FDCWD, aside, 0))
            return lull_folder_errno(error, errno, "removing", aside);
        if (rename(path, aside) < 0)
            return errno == ENOENT || lull_folder_errno(error, errno, "removing", path);
        going = aside;
    }
    return remove_at(AT_FDCWD, going, 0) || lull_folder_errno(error, errno, "removing", going);
}

GPtrArray *
lull_folder_list(const char *directory, const char *uid)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    g_autofree char *dotted = g_strconcat(uid, ".", NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        if (g_str_equal(name, uid) || g_str_has_prefix(name, dotted))
            g_ptr_array_add(paths, g_build_filename(directory, name, NULL));
    return paths;
}

gboolean
lull_folder_sync(const char *path, GError **error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const gboolean ok = fd >= 0 && fsync(fd) == 0;
    const int saved = errno;

    if (fd >= 0)
        close(fd);
    return ok || lull_folder_errno(error, saved, "syncing", path);
}

int
lull_folder_open_new(const char *path)
{
    (void)unlink(path);
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Into a file of its own, whatever had the name before; nothing is left of one that could not be written. */
static gboolean
write_new(const char *path, const char *data, gsize length, GError **error)
{
    const int fd = lull_folder_open_new(path);
    gboolean ok = fd >= 0;
    int saved = errno;

    for (gsize done = 0; ok && done < length;) {
        const ssize_t n = write(fd, data + done, length - done);
        ok = n >= 0 || errno == EINTR;
        saved = errno;
        done += n > 0 ? (gsize)n : 0;
    }
    if (ok) {
        ok = fsync(fd) == 0;
        saved = errno;
    }
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !ok)
        (void)unlink(path);
    return ok || lull_folder_errno(error, saved, "writing", path);
}

gboolean
lull_folder_write(const char *folder, const char *name, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *fresh = g_strconcat(path, LULL_FOLDER_FRESH, NULL);

    if (!write_new(fresh, text, strlen(text), error))
        return FALSE;
    if (rename(fresh, path) < 0)
        return lull_folder_errno(error, errno, "writing", path);
    return lull_folder_sync(folder, error);
}

gboolean
lull_folder_has_manifest(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, LULL_FOLDER_MANIFEST, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

LullJson *
lull_folder_read_json(const char *folder, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) json = NULL;
    struct stat info;
    gsize length;

    if (stat(path, &info) < 0) {
        lull_folder_errno(error, errno, "reading", path);
        return NULL;
    }
    if (info.st_size > MAX_JSON) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: too large", path);
        return NULL;
    }
    if (!g_file_get_contents(path, &text, &length, &problem)) {
        const gboolean gone = g_error_matches(problem, G_FILE_ERROR, G_FILE_ERROR_NOENT);

        g_set_error(error, LULL_ERROR, gone ? LULL_ERROR_NOT_FOUND : LULL_ERROR_FAILED, "%s",
                    problem->message);
        return NULL;
    }
    json = lull_json_parse(text, (gssize)length, error);
    if (!json)
        g_prefix_error(error, "%s: ", path);
    else if (!json_object_is_type(json, json_type_object))
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: not an object", path);
    return json && json_object_is_type(json, json_type_object) ? g_steal_pointer(&json) : NULL;
}

gboolean
lull_folder_copy(const char *from, const char *to, GError **error)
{
    g_autofree char *data = NULL;
    g_autoptr(GError) problem = NULL;
    gsize length;

    if (!g_file_get_contents(from, &data, &length, &problem)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "copying %s: %s", from, problem->message);
        return FALSE;
    }
    return write_new(to, data, length, error);
}

gboolean
lull_folder_free_space(const char *path, guint64 *ret_bytes, GError **error)
{
    struct statvfs info;

    if (statvfs(path, &info) < 0)
        return lull_folder_errno(error, errno, "free space of", path);
    *ret_bytes = (guint64)info.f_bavail * info.f_frsize;
    return TRUE;
}

gboolean
lull_folder_check_space(const char *path, guint64 need, GError **error)
{
    g_autofree char *need_text = lull_size_format(need);
    g_autofree char *have_text = NULL;
    guint64 have = 0;

    if (!lull_folder_free_space(path, &have, error))
        return FALSE;
    if (have >= need)
        return TRUE;
    have_text = lull_size_format(have);
    g_set_error(error, LULL_ERROR, LULL_ERROR_NO_SPACE,
                "no space in %s: %s are needed, %s are free: delete snapshots or make room", path, need_text,
                have_text);
    return FALSE;
}

char *
lull_folder_sha256_of(int fd, const char *path, LullFolderRead on_read, gpointer user_data,
                      GCancellable *cancel, GError **error)
{
    g_autoptr(LullDigest) digest = lull_digest_new(error);
    g_autofree guchar *block = g_malloc(BLOCK);
    off_t at = 0;
    ssize_t n = 1;

    if (!digest)
        return NULL;
    while (n > 0 && !g_cancellable_is_cancelled(cancel)) {
        n = pread(fd, block, BLOCK, at);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n <= 0)
            break;
        lull_digest_add(digest, block, (gsize)n);
        at += n;
        if (on_read)
            on_read((gsize)n, user_data);
    }
    if (n < 0)
        lull_folder_errno(error, errno, "reading", path);
    else if (n > 0)
        g_cancellable_set_error_if_cancelled(cancel, error);
    return n == 0 ? lull_digest_text(digest, error) : NULL;
}

char *
lull_folder_sha256(const char *path, GCancellable *cancel, GError **error)
{
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char *sum;

    if (fd < 0) {
        lull_folder_errno(error, errno, "reading", path);
        return NULL;
    }
    sum = lull_folder_sha256_of(fd, path, NULL, NULL, cancel, error);
    close(fd);
    return sum;
}
