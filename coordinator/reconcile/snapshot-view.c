/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/snapshot-view.h"

#include "coordinator/model/meta.h"
#include "coordinator/model/report.h"
#include "coordinator/reconcile/content-state.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/snapshot-status.h"
#include "coordinator/reconcile/snapshot-wait.h"
#include "coordinator/model/volumes.h"
#include "coordinator/reconcile/status-patch.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define DEFAULT_DEADLINE LULL_SEC(300)
#define DEADLINE_REASON  "snapshot deadline exceeded"
#define LOSS_REASON      "the data are lost"
#define CUT_REASON       "the cut failed"
#define LEVEL_REASON     "required level not reached"

void
lull_snapshot_view_free(LullSnapshotView *self)
{
    if (!self)
        return;
    g_free(self->ns);
    g_free(self->name);
    g_free(self->uid);
    g_free(self->source);
    g_free(self->content_name);
    g_free(self->failure);
    g_free(self->detail);
    g_free(self->loss);
    g_free(self->wait);
    g_free(self->report);
    lull_json_put(self->snapshot);
    lull_json_put(self->content);
    lull_json_put(self->vm);
    lull_json_put(self->status);
    g_free(self->progress);
    lull_policy_free(self->policy);
    g_free(self);
}

char *
lull_snapshot_content_name(LullJson *snapshot)
{
    LullJson *status = lull_json_object(snapshot, "status");
    const char *name = lull_json_string(status, "virtualMachineSnapshotContentName", NULL);

    if (name && *name)
        return g_strdup(name);
    return g_strconcat("vmsnapshot-content-", lull_meta_uid(snapshot), NULL);
}

/* A duration that cannot be read got past no validation; it counts as the default. */
gint64
lull_snapshot_deadline(LullJson *snapshot)
{
    LullJson *value = lull_json_at(snapshot, "spec", "failureDeadline", NULL);
    gint64 after = DEFAULT_DEADLINE;

    if (value)
        lull_duration_from_json(value, &after, NULL);
    return after ? lull_meta_created(snapshot) + after : 0;
}

/* Why nothing of the data of a VM can be saved under @policy. NULL: something can, or there is none, and the
 * configuration is what is wanted. */
static char *
nothing_to_save(LullJson *vm, const LullPolicy *policy)
{
    g_autoptr(LullJson) volumes = lull_volumes_of(vm);
    /* what a TPM holds, the last, fails none: without it the disks are worth having, and so is a definition
     */
    const size_t disks = json_object_array_length(volumes) - (lull_volumes_have_tpm(vm) ? 1 : 0);
    g_autoptr(GString) why = g_string_new(NULL);

    for (size_t i = 0; i < disks; i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        const char *name = lull_json_string(volume, "name", "");
        LullJson *status = lull_volume_status(vm, name);

        if (lull_policy_excludes(policy, name))
            continue;
        if (lull_json_bool(status, "enabled", FALSE))
            return NULL;
        if (lull_volume_keeps_data(volume))
            g_string_append_printf(why, "%s%s: %s", why->len ? "; " : "", name,
                                   lull_json_string(status, "reason", "cannot be saved"));
    }
    return why->len
               ? g_strdup_printf("VM %s has no volume that can be saved (%s)", lull_meta_name(vm), why->str)
               : NULL;
}

/* Rules across objects that the schema cannot express: why this source cannot be saved. NULL: it can. */
static char *
source_problem(LullJson *vm, const LullPolicy *policy)
{
    for (gsize i = 0; policy->exclude[i]; i++)
        if (!lull_volume_status(vm, policy->exclude[i]))
            return g_strdup_printf(LULL_ANNOTATION_EXCLUDE ": VM %s has no volume \"%s\"", lull_meta_name(vm),
                                   policy->exclude[i]);
    if (lull_json_bool(lull_json_object(vm, "status"), LULL_SOURCE_SPARSE, FALSE))
        return NULL;
    return nothing_to_save(vm, policy);
}

static gboolean
is_too_late(const LullSnapshotView *self)
{
    return self->deadline && self->now > self->deadline;
}

static char *
find_failure(const LullSnapshotView *self, const LullContentState *state, const char *policy_problem)
{
    if (policy_problem)
        return g_strdup(policy_problem);
    if (state->stage == LULL_CONTENT_REFUSED)
        return g_strdup(LEVEL_REASON);
    if (state->stage == LULL_CONTENT_GIVEN_UP)
        return g_strdup(state->error ? state->error : CUT_REASON);
    if (is_too_late(self))
        return g_strdup(DEADLINE_REASON);
    if (self->vm && !self->content && !self->locked && !self->other_locked && !self->blocked)
        return source_problem(self->vm, self->policy);
    return NULL;
}

static void
look_at_source(LullSnapshotView *self)
{
    LullJson *status = lull_json_object(self->vm, "status");
    const char *owner = lull_json_string(status, "snapshotInProgress", NULL);

    self->source_exists = self->vm != NULL;
    self->locked = owner && g_str_equal(owner, self->name);
    self->other_locked = !self->locked && (owner || lull_json_string(status, "restoreInProgress", NULL));
    self->loose = self->locked && lull_json_bool(status, LULL_MACHINE_LOOSE, FALSE);
    self->blocked = !self->locked && lull_json_string(status, LULL_SOURCE_PROBLEM, NULL);
}

static void
look_at_content(LullSnapshotView *self, const LullContentState *state)
{
    const char *report = lull_meta_annotation(self->content, LULL_ANNOTATION_REPORT);
    const char *ours = lull_meta_annotation(self->snapshot, LULL_ANNOTATION_REPORT);
    g_autoptr(LullJson) full = report ? lull_json_parse(report, -1, NULL) : NULL;

    self->content_exists = self->content != NULL;
    self->content_deleting = self->content && lull_meta_is_deleting(self->content);
    self->content_ready = lull_json_bool(lull_json_object(self->content, "status"), "readyToUse", FALSE);
    if (full && state->stage >= LULL_CONTENT_REFUSED) {
        g_autoptr(LullJson) trimmed = lull_report_trim(full, LULL_REPORT_TRIMMED_BYTES);

        self->report = g_strdup(lull_json_to_line(trimmed));
        self->report_stale = !self->deleting && (!ours || !g_str_equal(ours, self->report));
    }
}

static void
look_at_snapshot(LullSnapshotView *self)
{
    self->exists = TRUE;
    self->ns = g_strdup(lull_meta_namespace(self->snapshot));
    self->name = g_strdup(lull_meta_name(self->snapshot));
    self->uid = g_strdup(lull_meta_uid(self->snapshot));
    self->source =
        g_strdup(lull_json_string(lull_json_at(self->snapshot, "spec", "source", NULL), "name", ""));
    self->content_name = lull_snapshot_content_name(self->snapshot);
    self->deleting = lull_meta_is_deleting(self->snapshot);
    self->has_finalizer = lull_meta_has_finalizer(self->snapshot, LULL_FINALIZER_SNAPSHOT);
    self->retain = !g_str_equal(
        lull_json_string(lull_json_object(self->snapshot, "spec"), "deletionPolicy", "Delete"), "Delete");
    self->deadline = lull_snapshot_deadline(self->snapshot);
}

static char *
recorded_failure(LullJson *snapshot)
{
    const char *reason = lull_condition_reason(snapshot, "Failure");

    return g_strdup(reason ? reason : "unknown");
}

LullSnapshotView *
lull_snapshot_view_new(LullJson *snapshot, LullJson *content, LullJson *vm, gint64 now)
{
    LullSnapshotView *self = g_new0(LullSnapshotView, 1);
    g_autoptr(LullContentState) state = lull_content_state_of(content);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) patch = NULL;
    const char *phase = lull_json_string(lull_json_object(snapshot, "status"), "phase", "");

    self->now = now;
    self->snapshot = snapshot;
    self->content = content;
    self->vm = vm;
    if (!snapshot)
        return self;
    look_at_snapshot(self);
    look_at_source(self);
    look_at_content(self, state);
    self->policy = lull_policy_of_snapshot(snapshot, &problem);
    self->failed = g_str_equal(phase, "Failed");
    self->taken_at = state->stage >= LULL_CONTENT_CUT ? state->time : 0;
    self->succeeded =
        g_str_equal(phase, "Succeeded") ||
        (!self->failed && (self->taken_at || lull_json_at(content, "status", "creationTime", NULL) != NULL));
    if (self->failed)
        self->failure = recorded_failure(snapshot);
    else if (!self->succeeded && !self->deleting)
        self->failure = find_failure(self, state, problem ? problem->message : NULL);
    else if (!self->succeeded && is_too_late(self))
        self->failure = g_strdup(DEADLINE_REASON);
    self->failed = self->failed || self->failure;
    if (state->stage == LULL_CONTENT_REFUSED || state->stage == LULL_CONTENT_GIVEN_UP)
        self->detail = g_strdup(state->error);
    if (self->succeeded && state->stage == LULL_CONTENT_BROKEN)
        self->loss = g_strdup(state->error ? state->error : LOSS_REASON);
    if (!self->succeeded && !self->failed && !self->deleting)
        self->wait = lull_snapshot_wait(content, state);
    self->status = lull_snapshot_status(self);
    patch = lull_status_patch(snapshot, self->status);
    self->status_stale = patch != NULL;
    if (state->stage == LULL_CONTENT_CUT)
        self->progress = g_strdup(lull_meta_annotation(content, LULL_ANNOTATION_PROGRESS));
    self->progress_stale = !self->deleting && lull_progress_differs(snapshot, self->progress);
    return self;
}

static gboolean
wants(LullJson *restore, const char *snapshot)
{
    LullJson *status = lull_json_object(restore, "status");
    const char *name = lull_json_string(lull_json_object(restore, "spec"), "virtualMachineSnapshotName", "");

    return g_str_equal(name, snapshot) && !lull_json_bool(status, "complete", FALSE) &&
           !lull_condition_reason(restore, "Failure");
}

/* By its plan, or by its lock: from then on it goes on, whatever becomes of the snapshot (restore-view.c). */
static gboolean
has_begun(LullStore *store, const char *ns, LullJson *restore, gboolean *ret_begun, GError **error)
{
    LullJson *target = lull_json_at(restore, "spec", "target", NULL);
    g_autoptr(LullJson) vm = NULL;

    *ret_begun = lull_json_array(lull_json_object(restore, "status"), "restores") != NULL;
    if (*ret_begun)
        return TRUE;
    if (!lull_effect_get(store, &lull_kind_vm, ns, lull_json_string(target, "name", ""), &vm, error))
        return FALSE;
    *ret_begun = g_strcmp0(lull_json_string(lull_json_object(vm, "status"), "restoreInProgress", NULL),
                           lull_meta_name(restore)) == 0;
    return TRUE;
}

static gboolean
look_at_restores(LullSnapshotView *self, LullStore *store, GError **error)
{
    g_autoptr(LullJson) list = lull_store_list(store, &lull_kind_restore, self->ns, NULL, error);
    LullJson *items = lull_json_array(list, "items");

    for (size_t i = 0; items && i < json_object_array_length(items) && !self->restoring; i++) {
        LullJson *restore = json_object_array_get_idx(items, i);

        if (wants(restore, self->name) && !has_begun(store, self->ns, restore, &self->restoring, error))
            return FALSE;
    }
    return list != NULL;
}

/* What goes fast is told once: locked and at work; taken and ready. Whatever becomes of that is news. */
static gint64
tell_at(const LullSnapshotView *self)
{
    const char *told = lull_json_string(lull_json_object(self->snapshot, "status"), "phase", "");
    const gint64 since = self->taken_at ? self->taken_at : lull_meta_created(self->snapshot);

    return self->loss || g_str_equal(told, "Succeeded") ? 0 : lull_status_tell_at(since, self->now);
}

LullSnapshotView *
lull_snapshot_view_gather(LullStore *store, const LullSnapshotSource *source, const char *ns,
                          const char *name, gint64 now, GError **error)
{
    g_autoptr(LullJson) snapshot = NULL;
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) vm = NULL;
    g_autoptr(LullSnapshotView) view = NULL;

    if (!lull_effect_get(store, &lull_kind_snapshot, ns, name, &snapshot, error))
        return NULL;
    /* without it nothing is done but to add it, or nothing more */
    if (snapshot && lull_meta_has_finalizer(snapshot, LULL_FINALIZER_SNAPSHOT)) {
        g_autofree char *content_name = lull_snapshot_content_name(snapshot);
        const char *machine = lull_json_string(lull_json_at(snapshot, "spec", "source", NULL), "name", "");

        if (!lull_effect_get(store, &lull_kind_content, ns, content_name, &content, error) ||
            !lull_effect_get(store, &lull_kind_vm, ns, machine, &vm, error) ||
            !lull_effect_drop_void_locks(store, &vm, error) ||
            (source && vm && !content && !source->complete(source->user_data, vm, error)))
            return NULL;
    }
    view = lull_snapshot_view_new(g_steal_pointer(&snapshot), g_steal_pointer(&content), g_steal_pointer(&vm),
                                  now);
    view->sparing = source != NULL;
    if (view->sparing && view->exists)
        view->tell_at = tell_at(view);
    if (view->deleting && view->has_finalizer && view->content_ready && !look_at_restores(view, store, error))
        return NULL;
    return g_steal_pointer(&view);
}
