/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The API on a loopback port, for programs that cannot dial a unix socket. Any user of the machine can reach
 * the port, so the path begins with a secret; it passes on nothing without it.
 *
 * A connection has a thread and takes one request. What the coordinator answers is passed on as it comes, in
 * bounded pieces: a client that does not read is no burden to anybody but the coordinator's own rule for slow
 * ones, and after a time it is cut off. */
typedef struct _LullProxy LullProxy;

/* Connections are accepted on the thread-default main context. */
LullProxy *lull_proxy_new(const char *socket_path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
const char *lull_proxy_url(const LullProxy *self); /* "http://127.0.0.1:PORT/SECRET"; lent */
void lull_proxy_free(LullProxy *self);             /* closes what is open, waits for nobody */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullProxy, lull_proxy_free)

/* A configuration for kubectl that leads to @url. */
char *lull_proxy_kubeconfig(const char *url) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
