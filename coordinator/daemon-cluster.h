/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster-options.h"

G_BEGIN_DECLS

/* The whole coordinator of one node of a cluster: the node's role always, and, while it is elected, the
 * leader's. */
typedef struct _LullClusterDaemon LullClusterDaemon;

/* Starts everything on the thread-default main context. LULL_ERROR_BUSY: another controller has the group. */
LullClusterDaemon *
lull_cluster_daemon_start(const LullClusterOptions *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Lent; NULL: nowhere. */
const char *lull_cluster_daemon_metrics_address(const LullClusterDaemon *self);

/* As lull_daemon_let_go(), and gives the lease back; neither waits for the other, nor for what was led. */
void lull_cluster_daemon_let_go(gpointer daemon);

/* As lull_daemon_stop(). */
gboolean lull_cluster_daemon_stop(LullClusterDaemon *self);
void lull_cluster_daemon_free(LullClusterDaemon *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullClusterDaemon, lull_cluster_daemon_free)

G_END_DECLS
