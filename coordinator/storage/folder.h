/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* Folders of contents and attempts below one directory, and how something becomes durable there.
 * Names are made of UUIDs only, so that no path leads out of the directory. */

#define LULL_FOLDER_MANIFEST "manifest.json" /* there: the content is whole */
#define LULL_FOLDER_ATTEMPT  "attempt.json"  /* what an attempt copies, until it is sealed */
#define LULL_FOLDER_DOMAIN   "domain.xml"
#define LULL_FOLDER_NVRAM    "nvram.fd"

/* Beginnings of names, behind which a restore's UUID stands: it was made of this content; it copies this to
 * beside the images; it has begun to put this in place, and is not over. */
#define LULL_FOLDER_RESTORED  "restored-"
#define LULL_FOLDER_COPYING   "copying-"
#define LULL_FOLDER_RESTORING "restoring-"

#define LULL_FOLDER_FRESH ".new" /* behind the name of a file that is being written */

/* <directory>/<uid>, or <directory>/<uid>.attempt-<n> for n > 0. INVALID: @uid is not a UUID. */
char *lull_folder_path(const char *directory, const char *uid, guint attempt,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whether @name (in the directory) is an attempt's that is not about to go. */
gboolean lull_folder_is_attempt(const char *name);

/* Makes it, empty; what an earlier try left there goes. */
gboolean lull_folder_make(const char *path, GError **error);

/* Removes it with everything in it, following no link. One that is not there is fine. */
gboolean lull_folder_remove(const char *path, GError **error);

/* The folders of @uid that are there: the content's, its attempts', half removed ones. Full paths. */
GPtrArray *lull_folder_list(const char *directory, const char *uid) G_GNUC_WARN_UNUSED_RESULT;

/* Writes a file so that it is there whole or not at all, and durable. */
gboolean lull_folder_write(const char *folder, const char *name, const char *text, GError **error);
LullJson *
lull_folder_read_json(const char *folder, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Opens a file of its own under @path, to be written and read; mode 0600. What had the name before goes, and
 * no link is followed. -1 with errno. */
int lull_folder_open_new(const char *path);

gboolean lull_folder_has_manifest(const char *folder);

/* fsync of a file or a directory. */
gboolean lull_folder_sync(const char *path, GError **error);

/* Copies a small file, durably; mode 0600. */
gboolean lull_folder_copy(const char *from, const char *to, GError **error);

/* Bytes that are free for us on the file system of @path. */
gboolean lull_folder_free_space(const char *path, guint64 *ret_bytes, GError **error);

/* NO_SPACE where the file system of @path has less than @need bytes free. */
gboolean lull_folder_check_space(const char *path, guint64 need, GError **error);

/* SHA-256 of a whole file, in hexadecimal; of an open one, from its start, @path names it in errors. @on_read
 * (may be NULL) is told of each piece. */
typedef void (*LullFolderRead)(gsize bytes, gpointer user_data);
char *lull_folder_sha256_of(int fd, const char *path, LullFolderRead on_read, gpointer user_data,
                            GCancellable *cancel, GError **error) G_GNUC_WARN_UNUSED_RESULT;
char *lull_folder_sha256(const char *path, GCancellable *cancel, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sets "<what> <path>: <strerror>", NO_SPACE for a full disk. Returns FALSE. */
gboolean lull_folder_errno(GError **error, int saved_errno, const char *what, const char *path);

G_END_DECLS
