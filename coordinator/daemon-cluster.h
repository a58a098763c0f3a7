/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The whole coordinator of one node of a cluster: the node's role always, and, while it is elected, the
 * leader's. */
typedef struct _LullClusterDaemon LullClusterDaemon;

typedef struct {
    char *node;           /* its name in the cluster */
    char *pod;            /* NULL: none that has a name */
    char *ns;             /* where the coordinators' lease is; NULL: the configuration's */
    char *kubeconfig;     /* paths, separated by colons; NULL: as a pod's */
    char *context;        /* NULL: the current one */
    char *api_group;      /* of our kinds */
    char *pods_dir;       /* the kubelet's */
    char *state_dir;      /* intents/, lock */
    char *stock_freeze;   /* who freezes guests of stock agents: "libvirt" (we, by it), "kubevirt", "auto" */
    char *metrics_listen; /* where figures and health are told; NULL: nowhere */
    int attempt_pause;
    int check_interval;
    int lease;
} LullClusterOptions;
void lull_cluster_options_clear(LullClusterOptions *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullClusterOptions, lull_cluster_options_clear)

/* Fills in what was not said: the environment that the shipped manifest gives, then the usual. INVALID: what
 * was said cannot be. */
gboolean lull_cluster_options_complete(LullClusterOptions *self, GError **error);

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
