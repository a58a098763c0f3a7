/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/news.h"

#include "coordinator/model/meta.h"

#define STOPPING "Automatically stopping restore target for restore operation"

static void
news_free(gpointer data)
{
    LullNews *news = data;

    g_free(news->message);
    g_free(news);
}

static LullNews *
add(GPtrArray *all, const LullKind *kind, LullJson *object, LullEventType type, const char *reason,
    char *take_message)
{
    LullNews *news = g_new0(LullNews, 1);

    *news = (LullNews){kind, object, type, reason, take_message};
    g_ptr_array_add(all, news);
    return news;
}

/* Of a status before and after. */
typedef struct {
    LullJson *old;
    LullJson *new;
} Change;

static gboolean
becomes(const Change *change, const char *field, gboolean value)
{
    return lull_json_bool(change->old, field, FALSE) != value &&
           lull_json_bool(change->new, field, FALSE) == value;
}

static gboolean
appears(const Change *change, const char *field)
{
    return !lull_json_at(change->old, field, NULL) && lull_json_at(change->new, field, NULL);
}

static const char *
error_of(LullJson *status)
{
    return lull_json_string(lull_json_object(status, "error"), "message", NULL);
}

/* NULL: it is none, or the same. */
static const char *
new_error(const Change *change)
{
    const char *error = error_of(change->new);

    return g_strcmp0(error, error_of(change->old)) ? error : NULL;
}

static const char *
reason_of(LullJson *status, const char *type)
{
    LullJson *conditions = lull_json_array(status, "conditions");

    for (size_t i = 0; conditions && i < json_object_array_length(conditions); i++) {
        LullJson *condition = json_object_array_get_idx(conditions, i);

        if (g_str_equal(lull_json_string(condition, "type", ""), type))
            return lull_json_string(condition, "reason", "");
    }
    return NULL;
}

/* NULL: it is none, or the same. */
static const char *
new_reason(const Change *change, const char *type)
{
    const char *reason = reason_of(change->new, type);

    return g_strcmp0(reason, reason_of(change->old, type)) ? reason : NULL;
}

/* VirtualMachineSnapshot */

/* As a sentence goes on. */
static char *
level_text(const LullSnapshotView *view)
{
    g_autoptr(LullJson) report = view->report ? lull_json_parse(view->report, -1, NULL) : NULL;
    const char *level = lull_json_string(report, "level", NULL);

    return level ? g_strdup_printf(": level %s, proof %s", level, lull_json_string(report, "proof", "none"))
                 : g_strdup("");
}

/* Where each event is a write that others pay for, one is enough for what is ready as soon as it is taken. */
static void
tell_success(const LullSnapshotView *view, gboolean taken, gboolean ready, GPtrArray *all)
{
    const LullKind *kind = &lull_kind_snapshot;
    const gboolean once = view->sparing && taken && ready;
    g_autofree char *level = level_text(view);

    if (taken && !once)
        add(all, kind, view->snapshot, LULL_EVENT_NORMAL, "VirtualMachineSnapshotComplete",
            g_strdup_printf("Successfully completed VirtualMachineSnapshot %s%s", view->name, level));
    if (ready)
        add(all, kind, view->snapshot, LULL_EVENT_NORMAL, "VirtualMachineSnapshotReady",
            g_strdup_printf("VirtualMachineSnapshot %s is ready to use%s", view->name, once ? level : ""));
}

static void
tell_snapshot_change(const LullSnapshotView *view, const Change *change, GPtrArray *all)
{
    const LullKind *kind = &lull_kind_snapshot;
    const gboolean taken = g_strcmp0(lull_json_string(change->old, "phase", NULL), "Succeeded") != 0 &&
                           g_strcmp0(lull_json_string(change->new, "phase", NULL), "Succeeded") == 0;
    const char *failure = new_reason(change, "Failure");
    const char *error = new_error(change);
    const char *waits = new_reason(change, "Progressing");

    tell_success(view, taken, becomes(change, "readyToUse", TRUE), all);
    if (becomes(change, "readyToUse", FALSE) && !view->deleting)
        add(all, kind, view->snapshot, LULL_EVENT_WARNING, "VirtualMachineSnapshotNotReady",
            g_strdup_printf("VirtualMachineSnapshot %s cannot be used any more", view->name));
    if (failure)
        add(all, kind, view->snapshot, LULL_EVENT_WARNING, "VirtualMachineSnapshotFailed",
            g_strdup_printf("VirtualMachineSnapshot failed %s", failure));
    else if (error)
        add(all, kind, view->snapshot, LULL_EVENT_WARNING, "VirtualMachineSnapshotError",
            g_strdup_printf("VirtualMachineSnapshot encountered error %s", error));
    else if (waits && g_str_has_prefix(waits, "Source ") && !view->locked)
        add(all, kind, view->snapshot, LULL_EVENT_NORMAL, "VirtualMachineSnapshotWaiting", g_strdup(waits));
}

GPtrArray *
lull_snapshot_news(const LullSnapshotView *view, LullSnapshotVerb verb)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(news_free);
    const Change change = {lull_json_object(view->snapshot, "status"), view->status};

    if (verb == LULL_SNAPSHOT_WRITE_STATUS)
        tell_snapshot_change(view, &change, all);
    else if (verb == LULL_SNAPSHOT_CREATE_CONTENT)
        add(all, &lull_kind_snapshot, view->snapshot, LULL_EVENT_NORMAL,
            "SuccessfulVirtualMachineSnapshotContentCreate",
            g_strdup_printf("Successfully created VirtualMachineSnapshotContent %s", view->content_name));
    return all;
}

/* VirtualMachineSnapshotContent */

static void
tell_volumes(const LullContentView *view, LullEventType type, const char *reason, const char *before,
             const char *after, GPtrArray *all)
{
    LullJson *backups = lull_json_array(lull_json_object(view->content, "spec"), "volumeBackups");

    for (size_t i = 0; backups && i < json_object_array_length(backups); i++) {
        g_autofree char *name = lull_content_snapshot_name(view, json_object_array_get_idx(backups, i));

        add(all, &lull_kind_content, view->content, type, reason, g_strconcat(before, name, after, NULL));
    }
}

/* One of each, or one of all. */
static void
tell_cut(const LullContentView *view, GPtrArray *all)
{
    LullJson *backups = lull_json_array(lull_json_object(view->content, "spec"), "volumeBackups");
    g_autoptr(GString) text = g_string_new(NULL);

    if (!view->sparing) {
        tell_volumes(view, LULL_EVENT_NORMAL, "SuccessfulVolumeSnapshotCreate",
                     "Successfully created VolumeSnapshot ", "", all);
        return;
    }
    for (size_t i = 0; backups && i < json_object_array_length(backups); i++) {
        g_autofree char *name = lull_content_snapshot_name(view, json_object_array_get_idx(backups, i));

        g_string_append_printf(text, "%s VolumeSnapshot %s", text->len ? "," : "Successfully created", name);
    }
    if (text->len)
        add(all, &lull_kind_content, view->content, LULL_EVENT_NORMAL, "SuccessfulVolumeSnapshotCreate",
            g_strdup(text->str));
}

/* Of the machine: an attempt to quiesce it came to nothing. */
static void
tell_freeze_error(const LullContentView *view, GPtrArray *all)
{
    const char *text = lull_meta_annotation(view->content, LULL_ANNOTATION_REPORT);
    g_autoptr(LullJson) report = text ? lull_json_parse(text, -1, NULL) : NULL;
    LullJson *vm = lull_json_at(view->content, "spec", "source", "virtualMachine", NULL);
    const char *why = lull_json_string(report, "proofReason", "");

    if (!lull_json_string(report, "agent", NULL) || !*why || view->state->unquiesced ||
        lull_json_int(report, "attempt", 0) != view->state->number ||
        g_str_equal(lull_json_string(report, "proof", ""), "held"))
        return;
    add(all, &lull_kind_vm, vm, LULL_EVENT_WARNING, "FreezeError",
        g_strdup_printf("Failed to freeze VMI: %s", why));
}

static void
tell_content_change(const LullContentView *view, const Change *change, GPtrArray *all)
{
    const char *error = new_error(change);

    if (appears(change, "creationTime"))
        tell_cut(view, all);
    if (appears(change, "creationTime") || (error && view->stage < LULL_CONTENT_CUT))
        tell_freeze_error(view, all);
    if (error && view->stage == LULL_CONTENT_BROKEN)
        tell_volumes(view, LULL_EVENT_WARNING, "VolumeSnapshotMissing", "VolumeSnapshot ",
                     " no longer exists", all);
    if (error && view->stage == LULL_CONTENT_SEALED) /* it says itself what is missing */
        add(all, &lull_kind_content, view->content, LULL_EVENT_WARNING, "VolumeSnapshotMissing",
            g_strdup(error));
    else if (error)
        add(all, &lull_kind_content, view->content, LULL_EVENT_WARNING, "VirtualMachineSnapshotContentError",
            g_strdup_printf("VirtualMachineSnapshotContent encountered error %s", error));
}

GPtrArray *
lull_content_news(const LullContentView *view, LullContentVerb verb)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(news_free);
    const gboolean seals = verb == LULL_CONTENT_RECORD_SEAL;
    const Change change = {lull_json_object(view->content, "status"), seals ? view->sealed : view->status};

    if (verb == LULL_CONTENT_WRITE_STATUS || (seals && view->sealed))
        tell_content_change(view, &change, all);
    return all;
}

/* VirtualMachineRestore */

static void
tell_restore_change(const LullRestoreView *view, const Change *change, GPtrArray *all)
{
    const LullKind *kind = &lull_kind_restore;
    const char *failure = new_reason(change, "Failure");
    const char *progress = new_reason(change, "Progressing");

    if (becomes(change, "complete", TRUE))
        add(all, kind, view->restore, LULL_EVENT_NORMAL, "VirtualMachineRestoreComplete",
            g_strdup_printf("Successfully completed VirtualMachineRestore %s", view->name));
    else if (failure)
        add(all, kind, view->restore, LULL_EVENT_WARNING, "Operation failed",
            g_strdup_printf("VirtualMachineRestore failed %s", failure));
    else if (progress && view->queued && g_str_equal(progress, view->problem))
        add(all, kind, view->restore, LULL_EVENT_NORMAL, "VirtualMachineRestoreWaiting", g_strdup(progress));
    else if (progress && view->problem && g_str_equal(progress, view->problem))
        add(all, kind, view->restore, LULL_EVENT_WARNING, "VirtualMachineRestoreError",
            g_strdup_printf("VirtualMachineRestore encountered error %s", view->problem));
    else if (progress && g_str_has_prefix(progress, "Waiting for target VM"))
        add(all, kind, view->restore, LULL_EVENT_WARNING, "RestoreTargetNotReady",
            g_strdup("Restore target VMI still exists, please stop the restore target to proceed with "
                     "restore"));
}

GPtrArray *
lull_restore_news(const LullRestoreView *view, LullRestoreVerb verb)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(news_free);
    const Change change = {lull_json_object(view->restore, "status"), view->status};

    if (verb == LULL_RESTORE_WRITE_STATUS)
        tell_restore_change(view, &change, all);
    else if (verb == LULL_RESTORE_SHUT_DOWN)
        add(all, &lull_kind_restore, view->restore, LULL_EVENT_NORMAL, "RestoreTargetNotReady",
            g_strdup(STOPPING));
    else if (verb == LULL_RESTORE_RECORD_START && view->start_error)
        add(all, &lull_kind_restore, view->restore, LULL_EVENT_WARNING, "RestoreTargetNotStarted",
            g_strdup_printf("All is in place, but %s does not start again: %s", view->target,
                            view->start_error));
    return all;
}

void
lull_news_tell(GPtrArray *news, LullRecorder *recorder, gint64 now)
{
    for (guint i = 0; recorder && i < news->len; i++) {
        const LullNews *each = news->pdata[i];

        lull_recorder_record(recorder, each->kind, each->object, each->type, each->reason, each->message,
                             now);
    }
}
