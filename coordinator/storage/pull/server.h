/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/pull/copy.h"

G_BEGIN_DECLS

/* A connection to an NBD server that is not trusted to answer. For one thread. Errors as of lull_pull_copy().
 */
typedef struct _LullPullServer LullPullServer;

/* Called at least every second while there is something to wait for. FALSE, with @error set, ends the wait.
 */
typedef gboolean (*LullPullTick)(gpointer user_data, GError **error);

/* Connected, and what is asked for is there. @volume and @cancel are lent. */
LullPullServer *lull_pull_server_new(const LullPullVolume *volume, LullPullTick tick, gpointer user_data,
                                     GCancellable *cancel, GError **error) G_GNUC_WARN_UNUSED_RESULT;

guint64 lull_pull_server_size(const LullPullServer *self); /* bytes */

/* What @bytes (4 GiB - 1 at most) from @offset on are, as lists of LullPullExtent that are emptied before:
 * unchecked, but not too long for memory. @dirty stays empty where no bitmap was asked for. */
gboolean lull_pull_server_extents(LullPullServer *self, guint64 offset, guint64 bytes, GArray *allocation,
                                  GArray *dirty, GError **error);

/* Begins to read into @buffer, which is the server's until lull_pull_server_wait() of what is returned,
 * or until the server is freed. 0: an error. */
guint64
lull_pull_server_read(LullPullServer *self, guint64 offset, guint64 bytes, guint8 *buffer, GError **error);
gboolean lull_pull_server_wait(LullPullServer *self, guint64 request, GError **error);

void lull_pull_server_free(LullPullServer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullPullServer, lull_pull_server_free)

G_END_DECLS
