/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/switch.h"

#include "coordinator/reconcile/errand.h"
#include "protocol/error.h"

#define MAX_RUNNING 8 /* each may wait for a libvirt that hangs */

struct _LullSwitches {
    LullHost *host;
    LullErrands *errands;
};

typedef struct {
    LullHost *host;
    char *vm;
    gboolean on;
} Request;

static void
request_free(gpointer data)
{
    Request *request = data;

    g_free(request->vm);
    g_free(request);
}

static gpointer
run(gpointer data, GCancellable *cancel, GError **error)
{
    const Request *request = data;
    g_autoptr(LullVm) vm = lull_host_find_vm(request->host, request->vm, error);
    LullJson *answer;

    if (!vm || !lull_host_set_incremental(request->host, vm->uid, request->on, error))
        return NULL;
    answer = json_object_new_object();
    lull_json_set_bool(answer, "enabled", request->on);
    return answer;
}

static void
on_incremental(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullSwitches *self = user_data;
    g_autoptr(GError) error = NULL;
    Request *request;

    if (!json_object_is_type(lull_json_at(body, "enabled", NULL), json_type_boolean)) {
        g_set_error(&error, LULL_ERROR, LULL_ERROR_INVALID,
                    "incremental of vm %s: the body has to be {\"enabled\": true} or {\"enabled\": false}",
                    name);
        lull_server_reply_error(reply, error);
        return;
    }
    request = g_new0(Request, 1);
    request->host = self->host;
    request->vm = g_strdup(name);
    request->on = lull_json_bool(body, "enabled", FALSE);
    lull_errands_run(self->errands, reply,
                     (LullErrand){.func = run, .data = request, .free_data = request_free});
}

LullSwitches *
lull_switches_new(LullHost *host, LullJobs *jobs)
{
    LullSwitches *self = g_new0(LullSwitches, 1);

    self->host = host;
    self->errands =
        lull_errands_new(jobs, MAX_RUNNING, "libvirt is asked by too many at once already: try again later");
    return self;
}

void
lull_switches_serve(LullSwitches *self, LullServer *server, GMainContext *context)
{
    lull_errands_attach(self->errands, context);
    lull_server_add_subresource(server, "incremental", on_incremental, self);
}

void
lull_switches_free(LullSwitches *self)
{
    if (!self)
        return;
    lull_errands_free(self->errands);
    g_free(self);
}
