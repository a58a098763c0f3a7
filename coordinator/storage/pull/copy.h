/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Reads one volume from an NBD server, which is a machine's QEMU that shows it as it was at the cut, and
 * makes a qcow2 of it. The server is not trusted: what it says is checked, what it does not say is not waited
 * for. */
typedef struct {
    const char *socket; /* of the server */
    const char *export; /* the volume's name there */
    const char *bitmap; /* a dirty bitmap there: only what it says was changed; NULL: all that is not zero */
    const char *path;   /* of the qcow2, which must not be there yet; mode 0600 */
    const char
        *backing; /* what shows through it, another qcow2, by a name relative to its folder; NULL: nothing */
    guint64 capacity; /* bytes, which the export must have, up to the end of its last sector */
    gint64 patience;  /* microseconds that the server may be silent while it owes an answer; 0: a minute */
} LullPullVolume;

/* Bytes that were and are to be read, both 0 until that is known; called at least every second or so, by the
 * thread that copies. FALSE, with @error set, stops the copy with that error. */
typedef gboolean (*LullPullProgress)(guint64 done, guint64 total, gpointer user_data, GError **error);

/* Blocks; may be called by many threads at once. TRUE: the file is durable, and so is its name. @ret_sha256:
 * SHA-256 of the file in hexadecimal, of what was written and not of what can be read back. @progress may be
 * NULL. FALSE: the file is gone again. CONFLICT: another capacity; NOT_FOUND: nobody listens at the socket,
 * or the folder of @path is gone; LOST: the server does not have it, or it went away; TIMED_OUT: it is
 * silent; EXISTS: @path is there; NO_SPACE; INVALID: what was asked for cannot be had. */
gboolean lull_pull_copy(const LullPullVolume *volume, LullPullProgress progress, gpointer user_data,
                        GCancellable *cancel, char **ret_sha256, GError **error);

G_END_DECLS
