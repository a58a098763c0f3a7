/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/verification.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/snapshot-view.h"
#include "protocol/error.h"

#define MAX_RUNNING 4 /* each reads as fast as the disks can */

struct _LullVerifications {
    LullStore *store;
    LullStorage *storage;
    LullJobs *jobs;
    GMainContext *context;
    guint running; /* on the context only */
};

/* From the request to the answer; the job's id is its key. */
typedef struct {
    LullVerifications *owner;
    LullServerReply *reply;
    char *id;
    char *content_uid;
} Request;

static gpointer
run(gpointer data, GCancellable *cancel, GError **error)
{
    const Request *request = data;
    LullStorage *storage = request->owner->storage;
    LullJson *result = NULL;

    storage->ops->verify(storage, request->content_uid, cancel, &result, error);
    return result;
}

static gboolean
send_answer(gpointer data)
{
    Request *request = data;
    LullVerifications *self = request->owner;
    gconstpointer result = NULL;
    const GError *problem = NULL;

    lull_jobs_state(self->jobs, request->id, &result, &problem);
    if (result)
        lull_server_reply(request->reply, json_object_get((LullJson *)result));
    else
        lull_server_reply_error(request->reply, problem);
    lull_jobs_drop(self->jobs, request->id);
    self->running--;
    g_free(request->id);
    g_free(request->content_uid);
    g_free(request);
    return G_SOURCE_REMOVE;
}

/* On the job's thread. */
static void
on_end(const char *key, gpointer data)
{
    const Request *request = data;
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, send_answer, data, NULL);
    g_source_attach(source, request->owner->context);
}

static void
on_gone(gpointer data)
{
    const Request *request = data;

    lull_jobs_cancel(request->owner->jobs, request->id);
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

    if (uid && self->running >= MAX_RUNNING)
        g_set_error(&error, LULL_ERROR, LULL_ERROR_BUSY, "%d snapshots are being verified: try again later",
                    MAX_RUNNING);
    if (error) {
        lull_server_reply_error(reply, error);
        return;
    }
    request = g_new0(Request, 1);
    request->owner = self;
    request->reply = reply;
    request->id = g_uuid_string_random();
    request->content_uid = g_steal_pointer(&uid);
    self->running++;
    lull_server_reply_on_gone(reply, on_gone, request, NULL);
    lull_jobs_start(self->jobs, request->id, (LullJob){run, request, NULL, (GDestroyNotify)lull_json_put},
                    request->id, on_end, request);
}

LullVerifications *
lull_verifications_new(LullStore *store, LullStorage *storage, LullJobs *jobs)
{
    LullVerifications *self = g_new0(LullVerifications, 1);

    self->store = store;
    self->storage = storage;
    self->jobs = jobs;
    return self;
}

void
lull_verifications_serve(LullVerifications *self, LullServer *server, GMainContext *context)
{
    self->context = context;
    lull_server_add_subresource(server, "virtualmachinesnapshots/verify", on_verify, self);
}

void
lull_verifications_free(LullVerifications *self)
{
    if (!self)
        return;
    while (self->running && g_main_context_iteration(self->context, FALSE))
        ;
    g_free(self);
}
