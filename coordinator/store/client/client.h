/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/store/kube/config.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* A client of the REST API: a coordinator's over its unix socket, or that of a cluster's API server; who
 * calls does not care which. Calls block, each bounded in time and in the size of its answer; one thread at a
 * time. Answers are the caller's. Errors: those of the server by their codes (LULL_ERROR_NOT_FOUND ...); LOST
 * when nobody answers, with what to do about it; DENIED when the socket may not be opened, or the API server
 * does not know or not allow it; UNSUPPORTED when an API server does not serve the kind; TIMED_OUT. */
typedef struct _LullClient LullClient;

LullClient *lull_client_new(const char *socket_path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* @group: the one that has the kinds of snapshots there; NULL: it is asked for when it is needed. Callers
 * name the kinds as ever. Takes @take_config also where it fails. */
LullClient *lull_client_new_server(LullKubeConfig *take_config, const char *group,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_client_free(LullClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullClient, lull_client_free)

/* How long a call may take that waits for the coordinator alone; half a minute by default. */
void lull_client_set_patience(LullClient *self, gint64 usec);

/* The group that has the kinds of snapshots; NULL, UNSUPPORTED: an API server has none of ours. Lent. */
const char *lull_client_find_group(LullClient *self, GError **error);

/* What is served of that group: {"resources": [{"name": PLURAL}]}. */
LullJson *lull_client_list_kinds(LullClient *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The path of an object or collection, see url.h. */
char *lull_client_path(LullClient *self, const LullKind *kind, const char *ns, const char *name,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* /version: what the coordinator says of itself. */
LullJson *lull_client_get_version(LullClient *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

LullJson *lull_client_get(LullClient *self, const LullKind *kind, const char *ns, const char *name,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* All pages as one list. */
LullJson *lull_client_list(LullClient *self, const LullKind *kind, const char *ns,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A list of what became of the object of this uid: the first hundreds. */
LullJson *lull_client_list_events(LullClient *self, const char *ns, const char *uid,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_client_create(LullClient *self, const LullKind *kind, const char *ns, LullJson *object,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_client_patch(LullClient *self, const LullKind *kind, const char *ns, const char *name,
                            LullJson *patch, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* @uid: NULL, or only this very object. */
gboolean lull_client_remove(LullClient *self, const LullKind *kind, const char *ns, const char *name,
                            const char *uid, GError **error);
/* PUT on a machine's subresource; @body may be NULL. *@ret_answer (may be NULL) is NULL where the answer is
 * empty. These wait for a guest, so they get minutes. */
gboolean
lull_client_put_subresource(LullClient *self, const char *ns, const char *vm, const char *subresource,
                            LullJson *body, LullJson **ret_answer, GError **error);

/* Has all that a snapshot stored read and compared: {"files", "bytes", "findings": [{"file", "problem"}]}.
 * Waits for as long as that takes, up to a day. */
LullJson *lull_client_verify(LullClient *self, const char *ns, const char *snapshot,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    /* FALSE: enough. @object is lent. Bookmarks and errors are not passed on. */
    gboolean (*event)(LullWatchType type, LullJson *object, gpointer user_data);
    void (*tick)(gpointer user_data); /* about five times a second; may be NULL */
    gpointer user_data;
} LullClientWatch;

/* Follows one object from resourceVersion @since on. TRUE when the event function had enough. LOST: the
 * stream ended or the server is away; EXPIRED: @since is too old: get the object again, then watch again.
 * @deadline: boot clock, 0 none; then TIMED_OUT. */
gboolean lull_client_watch(LullClient *self, const LullKind *kind, const char *ns, const char *name,
                           const char *since, gint64 deadline, const LullClientWatch *watch, GError **error);

G_END_DECLS
