/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A new file, whole from its start to its end: summed up by who fills it, and written, past the cache where
 * that is possible, by a thread of its own. Its blocks are all the memory there is: who fills them faster
 * than they can be written waits for one. For one thread. */

#define LULL_PULL_BLOCK  ((gsize)1024 * 1024)
#define LULL_PULL_BLOCKS 16

typedef struct _LullPullFile LullPullFile;

/* Mode 0600. EXISTS: @path is there. */
LullPullFile *lull_pull_file_new(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* LULL_PULL_BLOCK bytes, not cleared. Waits until one is free: have fewer than LULL_PULL_BLOCKS. */
guint8 *lull_pull_file_take(LullPullFile *self);

/* Whether it need not wait for one. */
gboolean lull_pull_file_has_block(LullPullFile *self);

/* The first @bytes of @block come after what is there; it is the file's again. An error (NO_SPACE) may be
 * that of what was there before; the last one is told by finish. */
gboolean lull_pull_file_write(LullPullFile *self, guint8 *block, gsize bytes, GError **error);

/* TRUE: what was written is durable, and so is its name. @ret_sha256: of it, in hexadecimal. */
gboolean lull_pull_file_finish(LullPullFile *self, char **ret_sha256, GError **error);

/* With all blocks. A file that is not finished is removed. */
void lull_pull_file_free(LullPullFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullPullFile, lull_pull_file_free)

G_END_DECLS
