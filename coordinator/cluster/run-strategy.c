/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/run-strategy.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/offline-vm.h"

/* By the older of the two fields that say whether a machine is to run. */
#define BY_RUNNING "running"

const char *const lull_run_notes[] = {BY_RUNNING, "Always", "Once", "RerunOnFailure", "Manual", NULL};

const char *
lull_run_note(LullJson *vm)
{
    LullJson *spec = lull_json_object(vm, "spec");
    const char *strategy = lull_json_string(spec, "runStrategy", "");

    if (!*strategy)
        return lull_json_bool(spec, "running", FALSE) ? BY_RUNNING : NULL;
    for (const char *const *note = lull_run_notes + 1; *note; note++)
        if (g_str_equal(strategy, *note))
            return *note;
    return NULL;
}

static gboolean
is_halted(LullJson *vm)
{
    const char *strategy = lull_json_string(lull_json_object(vm, "spec"), "runStrategy", "");

    return *strategy ? g_str_equal(strategy, "Halted") : !lull_run_note(vm);
}

/* By a user, or by KubeVirt, which waits for minutes after some crashes before it does it. */
static gboolean
is_asked_to_start(LullJson *status)
{
    LullJson *requests = lull_json_array(status, "stateChangeRequests");

    for (size_t i = 0; requests && i < json_object_array_length(requests); i++)
        if (g_str_equal(lull_json_string(json_object_array_get_idx(requests, i), "action", ""), "Start"))
            return TRUE;
    return FALSE;
}

/* KubeVirt starts it once when it begins to be run like that, and then whenever it crashed. */
static gboolean
stays_off_unless_failed(LullJson *status)
{
    const char *end = lull_json_string(status, LULL_MACHINE_END, "");

    return *end ? g_str_equal(end, LULL_MACHINE_END_STOPPED)
                : g_str_equal(lull_json_string(status, "runStrategy", ""), "RerunOnFailure");
}

gboolean
lull_run_is_off(LullJson *vm)
{
    LullJson *status = lull_json_object(vm, "status");
    const char *how = lull_run_note(vm);

    if (!g_str_equal(lull_json_string(status, "printableStatus", ""), "Stopped") || is_asked_to_start(status))
        return FALSE;
    if (is_halted(vm) || g_strcmp0(how, "Manual") == 0)
        return TRUE;
    if (g_strcmp0(how, "Once") == 0) /* an instance that is over stays, and keeps it from another */
        return *lull_json_string(status, LULL_MACHINE_END, "") != 0;
    return g_strcmp0(how, "RerunOnFailure") == 0 && stays_off_unless_failed(status);
}

LullJson *
lull_run_start_patch(LullJson *vm, const char *note)
{
    const gboolean by_running = g_str_equal(note, BY_RUNNING);
    LullJson *patch = NULL, *spec = NULL;

    if (!is_halted(vm)) /* somebody said otherwise meanwhile, or it is as it always was */
        return NULL;
    patch = json_object_new_object();
    spec = lull_json_ensure(patch, "spec");
    lull_json_set_string(lull_json_ensure(patch, "metadata"), "resourceVersion", lull_meta_version(vm));
    if (by_running)
        lull_json_set_bool(spec, "running", TRUE);
    else
        lull_json_set_string(spec, "runStrategy", note);
    return patch;
}

gboolean
lull_run_starts_itself(const char *note)
{
    return !g_str_equal(note, "Manual");
}
