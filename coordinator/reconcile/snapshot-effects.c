/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/snapshot-effects.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/news.h"
#include "coordinator/reconcile/snapshot-decide.h"
#include "coordinator/model/volumes.h"
#include "protocol/clock.h"
#include "protocol/names.h"
#include "protocol/step.h"

/* The claim as the source has it, or, where there is none, a name that stands for it. */
static LullJson *
claim_of(const LullSnapshotView *view, const char *volume, const char *name)
{
    LullJson *claim = lull_json_object(lull_volume_status(view->vm, volume), "persistentVolumeClaim");
    LullJson *copy = json_object_new_object();
    LullJson *meta = claim ? lull_json_dup(lull_json_object(claim, "metadata")) : json_object_new_object();
    LullJson *spec = claim ? lull_json_dup(lull_json_object(claim, "spec")) : json_object_new_object();

    json_object_object_del(meta, "managedFields");
    lull_json_set_string(meta, "name", claim ? lull_meta_name(claim) : name);
    lull_json_set_string(meta, "namespace", view->ns);
    lull_json_take(copy, "metadata", meta);
    lull_json_take(copy, "spec", spec);
    return copy;
}

static LullJson *
backup_of(const LullSnapshotView *view, const char *volume, const char *claim)
{
    LullJson *backup = json_object_new_object();
    g_autofree char *snapshot = g_strdup_printf("vmsnapshot-%s-volume-%s", view->uid, volume);

    lull_json_set_string(backup, "volumeName", volume);
    lull_json_take(backup, "persistentVolumeClaim", claim_of(view, volume, claim));
    lull_json_set_string(backup, "volumeSnapshotName", snapshot);
    return backup;
}

/* The claim's name of a volume of the spec; what is none, as what a TPM holds, has its own. */
static const char *
claim_name(LullJson *volumes, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);

        if (g_str_equal(lull_json_string(volume, "name", ""), name))
            return lull_json_string(lull_json_at(volume, "persistentVolumeClaim", NULL), "claimName", name);
    }
    return name;
}

/* In the VM's order. */
static LullJson *
volume_backups(const LullSnapshotView *view)
{
    LullJson *statuses = lull_json_array(lull_json_object(view->vm, "status"), "volumeSnapshotStatuses");
    g_autoptr(LullJson) volumes = lull_volumes_of(view->vm);
    LullJson *backups = json_object_new_array();

    for (size_t i = 0; statuses && i < json_object_array_length(statuses); i++) {
        LullJson *status = json_object_array_get_idx(statuses, i);
        const char *name = lull_json_string(status, "name", "");

        if (lull_json_bool(status, "enabled", FALSE) && !lull_policy_excludes(view->policy, name))
            json_object_array_add(backups, backup_of(view, name, claim_name(volumes, name)));
    }
    return backups;
}

static LullJson *
captured_vm(LullJson *vm)
{
    LullJson *captured = json_object_new_object();
    LullJson *meta = lull_json_dup(lull_json_object(vm, "metadata"));

    json_object_object_del(meta, "managedFields");
    lull_json_take(captured, "metadata", meta);
    lull_json_take(captured, "spec", lull_json_dup(lull_json_object(vm, "spec")));
    return captured;
}

/* The same, with a spec that is good when the machine is gone. */
static LullJson *
capture(const LullSnapshotView *view, const LullSnapshotSource *source, GError **error)
{
    g_autoptr(LullJson) captured = captured_vm(view->vm);

    if (source && source->keep &&
        !source->keep(source->user_data, view->snapshot, view->vm, lull_json_ensure(captured, "spec"), error))
        return NULL;
    return g_steal_pointer(&captured);
}

/* Whoever creates it is the first to say whose it is: the name is what only one can have. */
static void
assign_node(const LullSnapshotSource *source, LullJson *vm, LullJson *meta)
{
    g_autoptr(LullGrant) grant = source->grant ? source->grant(source->granter, vm) : NULL;
    g_autofree char *text = grant ? lull_grant_to_annotation(grant) : NULL;
    const char *node = grant ? grant->node : source->node;

    if (text)
        lull_json_set_string(lull_json_ensure(meta, "annotations"), LULL_ANNOTATION_GRANT, text);
    if (node)
        lull_json_set_string(lull_json_ensure(meta, "labels"), LULL_LABEL_NODE, node);
}

static gboolean
create_content(LullStore *store, const LullSnapshotView *view, const LullSnapshotSource *source,
               GError **error)
{
    g_autoptr(LullJson) content = json_object_new_object();
    g_autofree char *policy = lull_policy_to_annotation(view->policy);
    LullJson *meta = lull_json_ensure(content, "metadata");
    LullJson *spec = lull_json_ensure(content, "spec");
    g_autoptr(LullJson) captured = capture(view, source, error);
    LullJson *finalizers = NULL;

    if (!captured)
        return FALSE;
    finalizers = json_object_new_array();
    lull_json_set_string(content, "apiVersion", LULL_GROUP_SNAPSHOT "/v1beta1");
    lull_json_set_string(content, "kind", lull_kind_content.kind);
    lull_json_set_string(meta, "name", view->content_name);
    lull_json_set_string(meta, "namespace", view->ns);
    lull_json_append_string(finalizers, LULL_FINALIZER_CONTENT);
    lull_json_take(meta, "finalizers", finalizers);
    lull_json_set_string(lull_json_ensure(meta, "annotations"), LULL_ANNOTATION_POLICY, policy);
    if (source)
        assign_node(source, view->vm, meta);
    lull_json_set_string(spec, "virtualMachineSnapshotName", view->name);
    lull_json_take(lull_json_ensure(spec, "source"), "virtualMachine", g_steal_pointer(&captured));
    lull_json_take(spec, "volumeBackups", volume_backups(view));
    if (!lull_effect_create(store, &lull_kind_content, content, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_CONTENT_CREATED);
    return TRUE;
}

static gboolean
lock_source(LullStore *store, LullSnapshotView *view, GError **error)
{
    g_autoptr(LullJson) vm = NULL;

    if (!lull_effect_lock(store, view->vm, "snapshotInProgress", view->name, &vm, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_LOCKED);
    if (!vm)
        return TRUE;
    view->locked = TRUE;
    view->loose = FALSE;
    lull_json_take(view->vm, "metadata", lull_json_dup(lull_json_object(vm, "metadata")));
    return TRUE;
}

static gboolean
perform(const LullSnapshots *self, LullSnapshotView *view, LullSnapshotVerb verb, GError **error)
{
    const LullKind *kind = &lull_kind_snapshot;
    LullStore *store = self->store;

    switch (verb) {
    case LULL_SNAPSHOT_ADD_FINALIZER:
        return lull_effect_finalizer(store, kind, view->snapshot, LULL_FINALIZER_SNAPSHOT, TRUE, error);
    case LULL_SNAPSHOT_WRITE_REPORT:
        return lull_effect_annotate(store, kind, view->snapshot, LULL_ANNOTATION_REPORT, view->report, error);
    case LULL_SNAPSHOT_WRITE_STATUS:
        return lull_effect_status(store, kind, view->snapshot, view->status, error);
    case LULL_SNAPSHOT_WRITE_PROGRESS:
        return lull_effect_annotate(store, kind, view->snapshot, LULL_ANNOTATION_PROGRESS, view->progress,
                                    error);
    case LULL_SNAPSHOT_LOCK:
        return lock_source(store, view, error);
    case LULL_SNAPSHOT_CREATE_CONTENT:
        return create_content(store, view, self->source, error);
    case LULL_SNAPSHOT_DELETE_CONTENT:
        return lull_effect_remove(store, &lull_kind_content, view->content, error);
    case LULL_SNAPSHOT_UNLOCK:
        return lull_effect_lock(store, view->vm, "snapshotInProgress", NULL, NULL, error);
    case LULL_SNAPSHOT_REMOVE_FINALIZER:
        return lull_effect_finalizer(store, kind, view->snapshot, LULL_FINALIZER_SNAPSHOT, FALSE, error);
    case LULL_SNAPSHOT_WAIT:
    case LULL_SNAPSHOT_N:
        break;
    }
    return TRUE;
}

/* What cannot be taken back, and is not written under a version that was read, is decided by what is there
 * now. */
static gboolean
needs_asking(const LullSnapshotView *view, LullSnapshotVerb verb)
{
    return verb == LULL_SNAPSHOT_DELETE_CONTENT || verb == LULL_SNAPSHOT_REMOVE_FINALIZER ||
           (verb == LULL_SNAPSHOT_WRITE_STATUS && view->failed);
}

static LullSnapshotView *
look(const LullSnapshots *self, const char *ns, const char *name, gint64 now, LullSnapshotStep *ret_step,
     GError **error)
{
    LullStore *stores[] = {self->store, self->asking};
    LullSnapshotView *view = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(stores) && stores[i]; i++) {
        g_clear_pointer(&view, lull_snapshot_view_free);
        view = lull_snapshot_view_gather(stores[i], self->source, ns, name, now, error);
        if (!view)
            return NULL;
        *ret_step = lull_snapshot_decide(view);
        if (!needs_asking(view, ret_step->verb))
            break;
    }
    return view;
}

/* Nobody wrote to the machine from our look to our lock, so what was put together of it then is what there
 * is; that costs too much to be done twice where requests do. */
static gboolean
goes_on(const LullSnapshotView *view, LullSnapshotStep *step)
{
    if (step->verb != LULL_SNAPSHOT_LOCK || !view->sparing || !view->locked)
        return FALSE;
    *step = lull_snapshot_decide(view);
    return step->verb == LULL_SNAPSHOT_CREATE_CONTENT;
}

static gboolean
act(const LullSnapshots *self, LullSnapshotView *view, const LullSnapshotStep *step, GError **error)
{
    g_autoptr(GPtrArray) news = NULL;

    g_debug("snapshot %s: %s (%s)", view->name, lull_snapshot_verb_to_string(step->verb), step->reason);
    if (!perform(self, view, step->verb, error))
        return FALSE;
    news = lull_snapshot_news(view, step->verb);
    lull_news_tell(news, self->recorder, view->now);
    return TRUE;
}

gboolean
lull_snapshot_pass(gpointer snapshots, const char *ns, const char *name, LullPass *ret_pass, GError **error)
{
    const LullSnapshots *self = snapshots;
    const gint64 now = lull_store_now(self->store);
    LullSnapshotStep step = {0};
    g_autoptr(LullSnapshotView) view = look(self, ns, name, now, &step, error);

    if (!view)
        return FALSE;
    if (!view->exists && self->recorder)
        lull_recorder_forget(self->recorder, &lull_kind_snapshot, ns, name);
    if (step.verb == LULL_SNAPSHOT_WAIT) {
        if (step.again_at)
            ret_pass->again_usec = MAX(step.again_at - now, 0) + LULL_MSEC(1);
        return TRUE;
    }
    ret_pass->acted = TRUE;
    return act(self, view, &step, error) && (!goes_on(view, &step) || act(self, view, &step, error));
}

void
lull_snapshot_trim(LullJson *snapshot)
{
    LullJson *metadata = lull_json_object(snapshot, "metadata");

    if (metadata)
        json_object_object_del(metadata, "annotations");
}

GStrv
lull_snapshot_refs(LullJson *snapshot)
{
    g_autofree char *content = lull_snapshot_content_name(snapshot);
    const char *ns = lull_meta_namespace(snapshot);
    const char *source = lull_json_string(lull_json_at(snapshot, "spec", "source", NULL), "name", "");
    const char *phase = lull_json_string(lull_json_object(snapshot, "status"), "phase", "");
    GStrv refs = g_new0(char *, 3);

    refs[0] = lull_loop_ref(&lull_kind_content, ns, content);
    if (!g_str_equal(phase, "Succeeded") && !g_str_equal(phase, "Failed"))
        refs[1] = lull_loop_ref(&lull_kind_vm, ns, source);
    return refs;
}
