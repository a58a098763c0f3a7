/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/switch.h"

#include "protocol/error.h"

#define MAX_RUNNING 8 /* each may wait for a libvirt that hangs */

struct _LullSwitches {
    LullHost *host;
    LullJobs *jobs;
    GMainContext *context;
    guint running; /* on the context only */
};

/* From the request to the answer; the job's id is its key. */
typedef struct {
    LullSwitches *owner;
    LullServerReply *reply;
    char *id;
    char *vm;
    gboolean on;
} Request;

static gpointer
run(gpointer data, GCancellable *cancel, GError **error)
{
    const Request *request = data;
    LullHost *host = request->owner->host;
    g_autoptr(LullVm) vm = lull_host_find_vm(host, request->vm, error);

    if (vm)
        lull_host_set_incremental(host, vm->uid, request->on, error);
    return NULL;
}

static gboolean
send_answer(gpointer data)
{
    Request *request = data;
    LullSwitches *self = request->owner;
    const GError *problem = NULL;

    lull_jobs_state(self->jobs, request->id, NULL, &problem);
    if (problem) {
        lull_server_reply_error(request->reply, problem);
    } else {
        LullJson *answer = json_object_new_object();

        lull_json_set_bool(answer, "enabled", request->on);
        lull_server_reply(request->reply, answer);
    }
    lull_jobs_drop(self->jobs, request->id);
    self->running--;
    g_free(request->id);
    g_free(request->vm);
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

static gboolean
check(const LullSwitches *self, const char *vm, LullJson *body, GError **error)
{
    if (!json_object_is_type(lull_json_at(body, "enabled", NULL), json_type_boolean))
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "incremental of vm %s: the body has to be {\"enabled\": true} or {\"enabled\": false}",
                    vm);
    else if (self->running >= MAX_RUNNING)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "libvirt is asked %d times already: try again later",
                    MAX_RUNNING);
    else
        return TRUE;
    return FALSE;
}

static void
on_incremental(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullSwitches *self = user_data;
    g_autoptr(GError) error = NULL;
    Request *request;

    if (!check(self, name, body, &error)) {
        lull_server_reply_error(reply, error);
        return;
    }
    request = g_new0(Request, 1);
    request->owner = self;
    request->reply = reply;
    request->id = g_uuid_string_random();
    request->vm = g_strdup(name);
    request->on = lull_json_bool(body, "enabled", FALSE);
    self->running++;
    lull_jobs_start(self->jobs, request->id, (LullJob){run, request, NULL, NULL}, request->id, on_end,
                    request);
}

LullSwitches *
lull_switches_new(LullHost *host, LullJobs *jobs)
{
    LullSwitches *self = g_new0(LullSwitches, 1);

    self->host = host;
    self->jobs = jobs;
    return self;
}

void
lull_switches_serve(LullSwitches *self, LullServer *server, GMainContext *context)
{
    self->context = context;
    lull_server_add_subresource(server, "incremental", on_incremental, self);
}

void
lull_switches_free(LullSwitches *self)
{
    if (!self)
        return;
    while (self->running && g_main_context_iteration(self->context, FALSE))
        ;
    g_free(self);
}
