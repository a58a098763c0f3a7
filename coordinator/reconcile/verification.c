/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/verification.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/errand.h"
#include "coordinator/reconcile/snapshot-view.h"
#include "protocol/error.h"

#define MAX_RUNNING 4 /* each reads as fast as the disks can */

struct _LullVerifications {
    LullStore *store;
    LullStorage *storage;
    LullErrands *errands;
};

typedef struct {
    LullStorage *storage;
    char *content_uid;
} Request;

static void
request_free(gpointer data)
{
    Request *request = data;

    g_free(request->content_uid);
    g_free(request);
}

static gpointer
run(gpointer data, GCancellable *cancel, GError **error)
{
    const Request *request = data;
    LullJson *result = NULL;

    request->storage->ops->verify(request->storage, request->content_uid, cancel, &result, error);
    return result;
}

static char *
find_content(LullVerifications *self, const char *ns, const char *name, GError **error)
{
    g_autoptr(LullJson) snapshot = lull_store_get(self->store, &lull_kind_snapshot, ns, name, error);
    g_autofree char *content_name = snapshot ? lull_snapshot_content_name(snapshot) : NULL;
    g_autoptr(LullJson) content =
        snapshot ? lull_store_get(self->store, &lull_kind_content, ns, content_name, error) : NULL;

    if (!content)
        return NULL;
    if (lull_json_at(content, "status", "creationTime", NULL) &&
        !lull_meta_annotation(content, LULL_ANNOTATION_PROGRESS))
        return g_strdup(lull_meta_uid(content));
    g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT,
                "snapshot %s: it is not whole yet: lull wait %s, then verify it", name, name);
    return NULL;
}

static void
on_verify(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullVerifications *self = user_data;
    g_autoptr(GError) error = NULL;
    g_autofree char *uid = find_content(self, ns, name, &error);
    Request *request;

    if (!uid) {
        lull_server_reply_error(reply, error);
        return;
    }
    request = g_new0(Request, 1);
    request->storage = self->storage;
    request->content_uid = g_steal_pointer(&uid);
    lull_errands_run(
        self->errands, reply,
        (LullErrand){.func = run, .data = request, .free_data = request_free, .for_client = TRUE});
}

LullVerifications *
lull_verifications_new(LullStore *store, LullStorage *storage, LullJobs *jobs)
{
    LullVerifications *self = g_new0(LullVerifications, 1);

    self->store = store;
    self->storage = storage;
    self->errands =
        lull_errands_new(jobs, MAX_RUNNING, "too many snapshots are being verified: try again later");
    return self;
}

void
lull_verifications_serve(LullVerifications *self, LullServer *server, GMainContext *context)
{
    lull_errands_attach(self->errands, context);
    lull_server_add_subresource(server, "virtualmachinesnapshots/verify", on_verify, self);
}

void
lull_verifications_free(LullVerifications *self)
{
    if (!self)
        return;
    lull_errands_free(self->errands);
    g_free(self);
}
