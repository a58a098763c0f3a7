/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/errand.h"

#include "protocol/error.h"
#include "protocol/json.h"

struct _LullErrands {
    LullJobs *jobs;
    GMainContext *context;
    guint max;
    const char *busy;
    guint running; /* on the context only */
};

/* From the request to the answer; the job's id is its key. */
typedef struct {
    LullErrands *owner;
    LullServerReply *reply;
    char *id;
} Request;

static gboolean
send_answer(gpointer data)
{
    Request *request = data;
    LullErrands *self = request->owner;
    gconstpointer answer = NULL;
    const GError *problem = NULL;

    lull_jobs_state(self->jobs, request->id, &answer, &problem);
    if (problem)
        lull_server_reply_error(request->reply, problem);
    else
        lull_server_reply(request->reply, json_object_get((LullJson *)answer));
    lull_jobs_drop(self->jobs, request->id);
    self->running--;
    g_free(request->id);
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

void
lull_errands_run(LullErrands *self, LullServerReply *reply, LullErrand errand)
{
    Request *request;

    if (self->running >= self->max) {
        g_autoptr(GError) error = g_error_new_literal(LULL_ERROR, LULL_ERROR_BUSY, self->busy);

        lull_server_reply_error(reply, error);
        errand.free_data(errand.data);
        return;
    }
    request = g_new0(Request, 1);
    request->owner = self;
    request->reply = reply;
    request->id = g_uuid_string_random();
    self->running++;
    if (errand.for_client)
        lull_server_reply_on_gone(reply, on_gone, request, NULL);
    lull_jobs_start(self->jobs, request->id,
                    (LullJob){errand.func, errand.data, errand.free_data, (GDestroyNotify)lull_json_put},
                    request->id, on_end, request);
}

LullErrands *
lull_errands_new(LullJobs *jobs, guint max, const char *busy)
{
    LullErrands *self = g_new0(LullErrands, 1);

    self->jobs = jobs;
    self->max = max;
    self->busy = busy;
    return self;
}

void
lull_errands_attach(LullErrands *self, GMainContext *context)
{
    self->context = context;
}

void
lull_errands_free(LullErrands *self)
{
    if (!self)
        return;
    while (self->running && g_main_context_iteration(self->context, FALSE))
        ;
    g_free(self);
}
