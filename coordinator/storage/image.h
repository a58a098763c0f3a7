/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Disk images, by the tools that know them. Formats are always named and never probed: what a guest wrote at
 * the start of a raw disk must not decide how it is read. */

/* An empty qcow2 of @capacity bytes, mode 0600; what had the name goes. Not durable. @backing: what shows
 * through it, another qcow2, by a name relative to @path's folder, which is not looked at; NULL: nothing. */
gboolean lull_image_create(const char *path, guint64 capacity, const char *backing, GError **error);

/* What a qcow2 says of itself. */
typedef struct {
    char *backing;  /* the name as it stands there; NULL: none */
    gboolean dirty; /* not closed, or known to be damaged */
} LullImageInfo;
void lull_image_info_clear(LullImageInfo *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullImageInfo, lull_image_info_clear)

/* Also of one that is in use. */
gboolean lull_image_info(const char *path, LullImageInfo *ret_info, GError **error);

/* Writes what @path (qcow2) has into the image behind it; @path stays as it is. May be repeated. */
gboolean lull_image_commit(const char *path, GCancellable *cancel, GError **error);

typedef void (*LullImageProgress)(guint permille, gpointer user_data);

/* Copies @from (qcow2) to @to in @format. @existing: @to is a device and stays one. */
gboolean
lull_image_convert(const char *from, const char *to, const char *format, gboolean existing,
                   LullImageProgress progress, gpointer user_data, GCancellable *cancel, GError **error);

/* The same, into a new file by its descriptor, which stays the caller's: its name leads nobody elsewhere. */
gboolean lull_image_convert_into(const char *from, int fd, const char *format, LullImageProgress progress,
                                 gpointer user_data, GCancellable *cancel, GError **error);

/* Copies @from, of any @format, into the qcow2 @to, which is there and empty. */
gboolean lull_image_fill(const char *from, const char *format, const char *to, LullImageProgress progress,
                         gpointer user_data, GCancellable *cancel, GError **error);

/* QEMU's image lock on @path, taken as a writer that shares with nobody takes it: byte ranges of open file
 * descriptions, which QEMU and its tools respect. BUSY: somebody has the image open. */
typedef struct _LullImageLock LullImageLock;
LullImageLock *lull_image_lock(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* As a reader takes it that shares with readers only: no machine that uses @path can be started. */
LullImageLock *lull_image_lock_reading(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_image_unlock(LullImageLock *self);

G_END_DECLS
