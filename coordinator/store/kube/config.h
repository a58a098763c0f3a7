/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* Where an API server is and who we are to it: a pod's service account, or a context of kubeconfig files. */

/* What is in a file that may change under us, or was in the configuration itself. */
typedef struct {
    char *path;  /* absolute, or NULL */
    char *bytes; /* NUL-terminated, or NULL */
} LullKubeSecret;

typedef struct {
    char *server;      /* "https://HOST[:PORT][/PREFIX]", without a slash at the end */
    char *socket_path; /* plain HTTP on this unix socket instead; NULL: no */
    char *ns;          /* where nothing else is said */
    char *tls_name;    /* that the server's certificate must have instead of its address; or NULL */
    char *proxy;       /* or NULL */
    gboolean insecure; /* the server's certificate is not looked at */
    LullKubeSecret ca; /* PEM */
    LullKubeSecret certificate;
    LullKubeSecret key;
    LullKubeSecret token;
} LullKubeConfig;

void lull_kube_config_free(LullKubeConfig *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullKubeConfig, lull_kube_config_free)

/* One kubeconfig file that was read. */
typedef struct {
    char *path;
    LullJson *document;
} LullKubeconfig;

/* The context @name (NULL: the current one of the first file that has one) of @files (LullKubeconfig); of two
 * things of one name the first counts. Relative paths begin at their own file's folder. INVALID names the
 * file and the field; NOT_FOUND the context, cluster or user that is missing; UNSUPPORTED a way to sign in
 * that is not known here. */
LullKubeConfig *
lull_kube_config_choose(const GPtrArray *files, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* That of a pod. @host, @port: as the environment has them, perhaps NULL; @dir: the service account's, with
 * ca.crt, token and namespace. @ns: text of the latter. */
LullKubeConfig *lull_kube_config_of_pod(const char *host, const char *port, const char *dir, const char *ns,
                                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Reads what there is: @paths (separated by colons, missing files are passed over, NULL: none), else the
 * pod's. */
LullKubeConfig *
lull_kube_config_find(const char *paths, const char *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
