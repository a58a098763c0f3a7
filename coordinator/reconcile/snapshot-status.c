/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/snapshot-status.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/model/volumes.h"
#include "coordinator/reconcile/status-patch.h"
#include "protocol/clock.h"

#define PARTIAL "PartialSnapshot"
#define PARTIAL_MESSAGE                                                                                      \
    "Not all snapshotable volumes were included in the snapshot. Check status.snapshotVolumes for excluded " \
    "volumes and VM VolumeSnapshotStatus for details."

static void
copy_member(LullJson *to, LullJson *from, const char *key)
{
    LullJson *value = NULL;

    if (json_object_object_get_ex(from, key, &value) && value)
        lull_json_take(to, key, lull_json_dup(value));
    else
        json_object_object_del(to, key);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static LullJson *
sorted(GPtrArray *names)
{
    LullJson *array = json_object_new_array();

    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        lull_json_append_string(array, names->pdata[i]);
    return array;
}

static gboolean
is_in(GPtrArray *names, const char *name)
{
    for (guint i = 0; i < names->len; i++)
        if (g_str_equal(names->pdata[i], name))
            return TRUE;
    return FALSE;
}

static void
add_indication(LullJson *status, const char *name, const char *message)
{
    LullJson *source = json_object_new_object();

    lull_json_append_string(lull_json_array(status, "indications"), name);
    lull_json_set_string(source, "indication", name);
    lull_json_set_string(source, "message", message);
    json_object_array_add(lull_json_array(status, "sourceIndications"), source);
}

static void
begin_indications(LullJson *status)
{
    lull_json_take(status, "indications", json_object_new_array());
    lull_json_take(status, "sourceIndications", json_object_new_array());
}

/* Once, after what the report says. */
static void
indicate_partial(LullJson *status)
{
    LullJson *list = lull_json_array(status, "indications");

    if (!list)
        begin_indications(status);
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (g_strcmp0(json_object_get_string(json_object_array_get_idx(list, i)), PARTIAL) == 0)
            return;
    add_indication(status, PARTIAL, PARTIAL_MESSAGE);
}

/* Of every volume that the captured VM has: is there a backup of it? */
static void
set_volumes(LullJson *status, LullJson *content)
{
    LullJson *backups = lull_json_array(lull_json_object(content, "spec"), "volumeBackups");
    g_autoptr(LullJson) volumes =
        lull_volumes_of(lull_json_at(content, "spec", "source", "virtualMachine", NULL));
    g_autoptr(GPtrArray) included = g_ptr_array_new();
    g_autoptr(GPtrArray) excluded = g_ptr_array_new();
    LullJson *both = json_object_new_object();
    gboolean partial = FALSE;

    for (size_t i = 0; backups && i < json_object_array_length(backups); i++)
        g_ptr_array_add(included,
                        (gpointer)lull_json_string(json_object_array_get_idx(backups, i), "volumeName", ""));
    for (size_t i = 0; i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        const char *name = lull_json_string(volume, "name", "");

        if (is_in(included, name))
            continue;
        g_ptr_array_add(excluded, (gpointer)name);
        partial = partial || lull_volume_keeps_data(volume);
    }
    lull_json_take(both, "includedVolumes", sorted(included));
    lull_json_take(both, "excludedVolumes", sorted(excluded));
    lull_json_take(status, "snapshotVolumes", both);
    if (partial)
        indicate_partial(status);
}

/* From the report: facts, told once. */
static void
set_indications(LullJson *status, LullJson *content)
{
    const char *text = lull_meta_annotation(content, LULL_ANNOTATION_REPORT);
    g_autoptr(LullJson) report = text ? lull_json_parse(text, -1, NULL) : NULL;
    LullJson *names = lull_json_array(report, "indications");

    begin_indications(status);
    for (size_t i = 0; names && i < json_object_array_length(names); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, i));

        add_indication(status, name, lull_indication_message(name));
    }
}

/* Why it failed has been told. */
static gboolean
was_failed(const LullSnapshotView *view)
{
    LullJson *old = lull_json_object(view->snapshot, "status");

    return g_str_equal(lull_json_string(old, "phase", ""), "Failed");
}

/* That it is taken the content's state says before its status does, which may tell of an attempt before. */
static void
set_taken(const LullSnapshotView *view, LullJson *status)
{
    g_autofree char *when = lull_clock_format(view->taken_at);

    lull_json_set_string(status, "creationTime", when);
    json_object_object_del(status, "error");
}

static void
mirror_content(const LullSnapshotView *view, LullJson *status)
{
    LullJson *theirs = lull_json_object(view->content, "status");

    lull_json_set_string(status, "virtualMachineSnapshotContentName", view->content_name);
    lull_json_set_bool(status, "readyToUse", view->content_ready && !view->failed);
    if (!view->failed)
        copy_member(status, theirs, "creationTime");
    if (!view->failed || (!was_failed(view) && lull_json_object(theirs, "error")))
        copy_member(status, theirs, "error");
    if (!view->failed && view->taken_at && !lull_json_at(theirs, "creationTime", NULL))
        set_taken(view, status);
    if (view->report && !lull_json_array(status, "indications"))
        set_indications(status, view->content);
    if (view->succeeded)
        set_volumes(status, view->content);
}

/* A content that somebody took away makes nothing ready any more. */
static void
miss_content(const LullSnapshotView *view, LullJson *status)
{
    if (!view->succeeded || view->deleting)
        return;
    lull_json_set_bool(status, "readyToUse", FALSE);
    lull_status_set_error(status, "the snapshot's content is missing", view->now);
}

static const char *
error_of(LullJson *status)
{
    return lull_json_string(lull_json_object(status, "error"), "message", "");
}

/* A failure has an error; where the content has one, that says more than the reason does. Its status may tell
 * of an attempt before still. */
static void
explain_failure(const LullSnapshotView *view, LullJson *status)
{
    if (view->failed && view->detail && !was_failed(view))
        lull_status_set_error(status, view->detail, view->now);
    else if (view->failed && !*error_of(status))
        lull_status_set_error(status, view->failure, view->now);
}

/* What was told of an attempt before says less. From the first time that it is told. */
static void
explain_wait(const LullSnapshotView *view, LullJson *status)
{
    LullJson *old = lull_json_object(view->snapshot, "status");

    if (!view->wait)
        return;
    copy_member(status, old, "error");
    lull_status_set_error(status, view->wait, view->now);
}

static char *
not_locked_reason(const LullSnapshotView *view)
{
    LullJson *status = lull_json_object(view->vm, "status");
    const char *snapshot = lull_json_string(status, "snapshotInProgress", NULL);
    const char *restore = lull_json_string(status, "restoreInProgress", NULL);

    if (snapshot)
        return g_strdup_printf("Source not locked snapshot \"%s\" in progress", snapshot);
    if (restore)
        return g_strdup_printf("Source not locked restore \"%s\" in progress", restore);
    if (lull_json_string(status, LULL_SOURCE_PROBLEM, NULL))
        return g_strdup_printf("Source not locked %s", lull_json_string(status, LULL_SOURCE_PROBLEM, ""));
    return g_strdup("Source not locked");
}

static void
set_progressing(const LullSnapshotView *view, LullJson *status)
{
    g_autofree char *unlocked = not_locked_reason(view);
    const char *reason = unlocked;
    gboolean progressing = FALSE;

    if (lull_json_object(status, "error") && g_strcmp0(error_of(status), view->failure) != 0) {
        reason = "In error state";
    } else if (view->failed) {
        reason = "Operation failed";
    } else if (view->succeeded) {
        reason = "Operation complete";
    } else if (view->deleting) {
        reason = "VM snapshot is deleting";
    } else if (!view->source_exists) {
        reason = "Source does not exist";
    } else if (view->locked) {
        progressing = TRUE;
        reason = "Source locked and operation in progress";
    }
    lull_condition_set(status, "Progressing", progressing, reason, view->now);
}

static const char *
phase_of(const LullSnapshotView *view)
{
    if (view->failed)
        return "Failed";
    if (view->succeeded)
        return "Succeeded";
    return view->deleting ? "Deleting" : "InProgress";
}

/* Of the machine that was captured, whatever has its name by now. */
static void
set_source(const LullSnapshotView *view, LullJson *status)
{
    LullJson *captured = lull_json_at(view->content, "spec", "source", "virtualMachine", NULL);
    const char *uid = lull_meta_uid(captured);

    if (!uid && view->vm && !view->succeeded && !view->failed)
        uid = lull_meta_uid(view->vm);
    if (uid)
        lull_json_set_string(status, "sourceUID", uid);
}

LullJson *
lull_snapshot_status(const LullSnapshotView *view)
{
    LullJson *old = lull_json_object(view->snapshot, "status");
    LullJson *status = old ? lull_json_dup(old) : json_object_new_object();
    const char *phase = phase_of(view);
    gboolean ready = FALSE;

    set_source(view, status);
    lull_json_set_string(status, "phase", phase);
    if (!lull_json_at(status, "readyToUse", NULL))
        lull_json_set_bool(status, "readyToUse", FALSE);
    if (view->content)
        mirror_content(view, status);
    else
        miss_content(view, status);
    explain_wait(view, status);
    explain_failure(view, status);
    ready = lull_json_bool(status, "readyToUse", FALSE);
    set_progressing(view, status);
    lull_condition_set(status, "Ready", ready, ready ? "Ready" : "Not ready", view->now);
    if (view->failed || view->loss)
        lull_condition_set(status, "Failure", TRUE, view->failed ? view->failure : view->loss, view->now);
    return status;
}
