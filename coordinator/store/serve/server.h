/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/store/serve/admission.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* The store served over REST in Kubernetes' form on a unix socket: get, list, create, merge-patch, delete,
 * watch, Status errors. Runs on the thread-default main context. */
typedef struct _LullServer LullServer;

/* An answer that may come later. Exactly one of the two must be called, on the server's context. After lines
 * they give the last one (an error as a Status) and end the stream. */
typedef struct _LullServerReply LullServerReply;
void lull_server_reply(LullServerReply *reply, LullJson *take_body); /* 200; NULL: empty body */
void lull_server_reply_error(LullServerReply *reply, const GError *error);

/* A part of the answer that is sent at once: a document a line, in a stream. */
void lull_server_reply_line(LullServerReply *reply, LullJson *take_line);

/* @func is called once, on the server's context, if the client goes before it was answered; not when the
 * server itself goes. @user_data is destroyed in any case. */
typedef void (*LullServerGoneFunc)(gpointer user_data);
void lull_server_reply_on_gone(LullServerReply *reply, LullServerGoneFunc func, gpointer user_data,
                               GDestroyNotify destroy);

/* PUT /apis/subresources.kubevirt.io/v1/namespaces/NS/virtualmachineinstances/NAME/<subresource>; of
 * "virtualmachinesnapshots/verify" it is that of a snapshot. @body is lent and may be NULL. */
typedef void (*LullSubresourceFunc)(const char *ns, const char *name, LullJson *body, LullServerReply *reply,
                                    gpointer user_data);

/* Listens on @socket_path (an old socket there is removed if nobody answers on it), mode 0660, group @group
 * where it exists (NULL: leave it). @store is borrowed and must outlive the server. */
LullServer *lull_server_new(LullStore *store, const char *socket_path, const char *group,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_server_add_subresource(LullServer *self, const char *subresource, LullSubresourceFunc func,
                                 gpointer user_data);

/* Whether what is created of @kind fits what there is; trial runs too. */
void
lull_server_set_admission(LullServer *self, const LullKind *kind, LullAdmitFunc func, gpointer user_data);

/* What else /version says, beside what Kubernetes' own has. */
void lull_server_say(LullServer *self, const char *key, const char *value);

/* How often watches that allow bookmarks get one: every minute, unless it is said here before they begin. */
void lull_server_set_bookmark_interval(LullServer *self, guint milliseconds);

void lull_server_free(LullServer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullServer, lull_server_free)

G_END_DECLS
