/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What is said of a coordinator of a cluster: by its command line, by its environment, or not at all. */

#define LULL_STOCK_FREEZE_LIBVIRT  "libvirt" /* we, by it */
#define LULL_STOCK_FREEZE_KUBEVIRT "kubevirt"
#define LULL_STOCK_FREEZE_EITHER   "auto"

typedef struct {
    char *node;           /* its name in the cluster */
    char *pod;            /* NULL: none that has a name */
    char *ns;             /* where the coordinators' lease is; NULL: the configuration's */
    char *kubeconfig;     /* paths, separated by colons; NULL: as a pod's */
    char *context;        /* NULL: the current one */
    char *api_group;      /* of our kinds */
    char *pods_dir;       /* the kubelet's */
    char *state_dir;      /* intents/, lock */
    char *stock_freeze;   /* who freezes guests of stock agents: LULL_STOCK_FREEZE_... */
    char *metrics_listen; /* where figures and health are told; NULL: nowhere */
    int attempt_pause;    /* ms, as are the next */
    int check_interval;
    int lease;
} LullClusterOptions;
void lull_cluster_options_clear(LullClusterOptions *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullClusterOptions, lull_cluster_options_clear)

/* Fills in what was not said: the environment that the shipped manifest gives, then the usual. INVALID: what
 * was said cannot be. */
gboolean lull_cluster_options_complete(LullClusterOptions *self, GError **error);

G_END_DECLS
