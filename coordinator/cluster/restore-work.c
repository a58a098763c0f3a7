/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-work.h"

#include "coordinator/cluster/restore-machine.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-sights.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/model/json-patch.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/store/kube/kube.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define USUAL_PATIENCE LULL_SEC(60)
#define LOOK_INTERVAL  LULL_MSEC(500)
#define LOOK_DEAF      LULL_SEC(10) /* what a provisioner said before that may be over */

typedef struct {
    const LullRestoreTools *tools;
    LullStore *store;
    LullJson *restore, *content, *plan;
    LullRestoreSights *sights;
    LullJson *vm;      /* the target; NULL: not there */
    LullJson *surplus; /* names of DataVolumes that go in the end */
    gboolean tried;
} Work;

static void
work_clear(Work *self)
{
    g_clear_pointer(&self->sights, lull_restore_sights_free);
    g_clear_pointer(&self->vm, json_object_put);
    g_clear_pointer(&self->surplus, json_object_put);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

static const char *
target_of(LullJson *restore)
{
    return lull_json_string(lull_json_at(restore, "spec", "target", NULL), "name", "");
}

static gboolean
look_at_target(Work *self, GError **error)
{
    g_clear_pointer(&self->vm, json_object_put);
    return lull_effect_get(self->store, &lull_kind_vm, lull_meta_namespace(self->restore),
                           target_of(self->restore), &self->vm, error);
}

/* What API servers refuse for now, as by a quota or a role, is mended without us. */
static gboolean
fail_with(GError *take_problem, GError **error)
{
    if (lull_error_is(take_problem, LULL_ERROR_DENIED))
        take_problem->code = LULL_ERROR_FAILED;
    g_propagate_error(error, take_problem);
    return FALSE;
}

/* A server that drops where the data come from binds an empty volume: the claim goes before that, or at
 * least before anybody uses it. */
static gboolean
check_reply(Work *self, LullJson *claim, LullJson *sent, GError **error)
{
    g_autofree char *problem = lull_restore_claim_problem(claim, sent);

    if (!problem)
        return TRUE;
    if (!lull_effect_remove(self->store, &lull_csi_kind_claim, claim, error))
        return FALSE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s", problem);
    return FALSE;
}

static gboolean
create_claim(Work *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) claim =
        lull_restore_claim(self->restore, self->content, sight->entry, sight->snapshot, self->vm);
    g_autoptr(GError) problem = NULL;
    LullJson *made = NULL;

    if (!claim) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "volume backup for volume %s not found",
                    lull_json_string(sight->entry, "volumeName", ""));
        return FALSE;
    }
    made = lull_store_create(self->store, &lull_csi_kind_claim, claim, &problem);
    if (!made && lull_error_is(problem, LULL_ERROR_EXISTS) &&
        !lull_effect_get(self->store, &lull_csi_kind_claim, lull_meta_namespace(claim), lull_meta_name(claim),
                         &made, error))
        return FALSE;
    if (!made)
        return problem ? fail_with(g_steal_pointer(&problem), error) : TRUE;
    if (!problem && !check_reply(self, made, claim, error)) {
        json_object_put(made);
        return FALSE;
    }
    lull_restore_sights_note(self->sights, made);
    return TRUE;
}

/* Only what differs, so that what others wrote to the rest stays. */
static LullJson *
machine_patch(LullJson *before, LullJson *after)
{
    g_autoptr(LullJson) old = json_object_new_object();
    g_autoptr(LullJson) new = json_object_new_object();
    LullJson *patch = NULL;

    lull_json_copy(lull_json_ensure(old, "metadata"), lull_json_object(before, "metadata"), "annotations");
    lull_json_copy(lull_json_ensure(new, "metadata"), lull_json_object(after, "metadata"), "annotations");
    lull_json_copy(old, before, "spec");
    lull_json_copy(new, after, "spec");
    patch = lull_json_diff(old, new);
    lull_json_set_string(lull_json_ensure(patch, "metadata"), "resourceVersion", lull_meta_version(before));
    return patch;
}

/* The machine does not tell any more once it is written. */
static gboolean
note_surplus(Work *self, LullJson *machine, GError **error)
{
    g_autoptr(LullJson) names = lull_restore_surplus(self->vm, machine);
    g_autoptr(LullJson) patch = json_object_new_object();
    LullJson *status = lull_json_ensure(patch, "status");

    if (json_object_array_length(names) == 0 || (self->surplus && lull_json_equal(names, self->surplus)))
        return TRUE;
    lull_json_take(status, "deletedDataVolumes", json_object_get(names));
    if (!lull_effect_patch(self->store, &lull_kind_restore, self->restore, LULL_PATCH_STATUS,
                           json_object_get(patch), error))
        return FALSE;
    g_clear_pointer(&self->surplus, json_object_put);
    self->surplus = g_steal_pointer(&names);
    return TRUE;
}

static LullJson *
machine_of(Work *self, GError **error)
{
    LullJson *machine = lull_restore_machine(self->restore, self->content, self->plan, self->vm, error);

    if (!machine)
        g_prefix_error(error, "error patching VM %s: ", target_of(self->restore));
    return machine;
}

/* One that nobody would take is told before anything is made for it. */
static gboolean
try_machine(Work *self, GError **error)
{
    g_autoptr(LullJson) machine = NULL;
    g_autoptr(LullJson) tried = NULL;
    g_autoptr(GError) problem = NULL;

    if (self->vm || self->tried)
        return TRUE;
    machine = machine_of(self, error);
    if (!machine)
        return FALSE;
    self->tried = TRUE;
    if (!self->tools->trial)
        return TRUE;
    tried = lull_store_kube_try_create(self->tools->trial, &lull_kind_plain_machine, machine, &problem);
    if (tried || lull_error_is(problem, LULL_ERROR_EXISTS))
        return TRUE;
    g_prefix_error(&problem, "vm %s cannot be made: ", target_of(self->restore));
    return fail_with(g_steal_pointer(&problem), error);
}

static gboolean
write_machine(Work *self, GError **error)
{
    g_autoptr(LullJson) machine = machine_of(self, error);
    g_autoptr(LullJson) after = NULL;
    g_autoptr(LullJson) patch = NULL;
    g_autoptr(GError) problem = NULL;

    if (!machine || (self->vm && !note_surplus(self, machine, error)))
        return FALSE;
    if (self->vm) {
        patch = machine_patch(self->vm, machine);
        after = lull_store_patch(self->store, &lull_kind_plain_machine, lull_meta_namespace(self->vm),
                                 lull_meta_name(self->vm), LULL_PATCH_OBJECT, patch, &problem);
    } else {
        after = lull_store_create(self->store, &lull_kind_plain_machine, machine, &problem);
    }
    if (after || lull_error_is(problem, LULL_ERROR_CONFLICT) || lull_error_is(problem, LULL_ERROR_EXISTS))
        return look_at_target(self, error); /* whoever was faster */
    g_prefix_error(&problem, "vm %s cannot be written: ", target_of(self->restore));
    return fail_with(g_steal_pointer(&problem), error);
}

static gboolean
adopt(Work *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) patch = json_object_new_object();
    LullJson *meta = lull_json_ensure(patch, "metadata");
    LullJson *after = NULL;
    GError *problem = NULL;

    lull_json_set_string(meta, "resourceVersion", lull_meta_version(sight->claim));
    lull_json_take(meta, "ownerReferences",
                   lull_meta_owners(lull_json_string(self->vm, "apiVersion", ""), "VirtualMachine",
                                    lull_meta_name(self->vm), lull_meta_uid(self->vm)));
    json_object_object_add(lull_json_ensure(meta, "annotations"), LULL_RESTORE_OWNED_BY_VM, NULL);
    after = lull_store_patch(self->store, &lull_csi_kind_claim, lull_meta_namespace(sight->claim),
                             lull_meta_name(sight->claim), LULL_PATCH_OBJECT, patch, &problem);
    if (!after &&
        (lull_error_is(problem, LULL_ERROR_CONFLICT) || lull_error_is(problem, LULL_ERROR_NOT_FOUND)) &&
        lull_effect_get(self->store, &lull_csi_kind_claim, lull_meta_namespace(sight->claim),
                        lull_meta_name(sight->claim), &after, NULL))
        g_clear_error(&problem); /* looked at again */
    if (problem)
        return fail_with(problem, error);
    if (after)
        lull_restore_sights_note(self->sights, after);
    return TRUE;
}

/* One that somebody else has made his is not ours to remove. */
static gboolean
remove_data_volume(Work *self, const char *name, GError **error)
{
    g_autoptr(LullJson) found = NULL;
    const char *owner = NULL;

    if (!lull_effect_get(self->store, &lull_kind_data_volume, lull_meta_namespace(self->restore), name,
                         &found, error))
        return FALSE;
    owner = found ? lull_meta_controller(found) : "";
    if (!found || lull_meta_is_deleting(found) || (*owner && g_strcmp0(owner, lull_meta_uid(self->vm)) != 0))
        return TRUE;
    return lull_effect_remove(self->store, &lull_kind_data_volume, found, error);
}

static gboolean
remove_surplus(Work *self, GError **error)
{
    for (size_t i = 0; self->surplus && i < json_object_array_length(self->surplus); i++)
        if (!remove_data_volume(self, json_object_get_string(json_object_array_get_idx(self->surplus, i)),
                                error))
            return FALSE;
    g_clear_pointer(&self->surplus, json_object_put);
    return TRUE;
}

/* FALSE: the words as an error. */
static gboolean
give_up(const LullRestoreWorkStep *step, GError **error)
{
    g_set_error(error, LULL_ERROR,
                (int)(step->verb == LULL_RESTORE_WORK_FAIL ? LULL_ERROR_INVALID : LULL_ERROR_BUSY), "%s",
                step->words);
    return FALSE;
}

static gboolean
has_said(const LullRestoreSight *sights, guint n)
{
    for (guint i = 0; i < n; i++)
        if (sights[i].said)
            return TRUE;
    return FALSE;
}

/* What it waits for is told after a while; whoever tells it begins again. */
static gboolean
wait_a_moment(Work *self, const LullRestoreWorkStep *step, const LullRestoreSight *sights, guint n,
              gint64 waited, GError **error)
{
    const gint64 patience = self->tools->patience ? self->tools->patience : USUAL_PATIENCE;

    if (waited > patience || (waited > MIN(LOOK_DEAF, patience) && has_said(sights, n)))
        return give_up(step, error);
    lull_restore_sights_wait(self->sights, LOOK_INTERVAL);
    return TRUE;
}

static gboolean
perform(Work *self, const LullRestoreWorkStep *step, const LullRestoreSight *sights, GError **error)
{
    switch (step->verb) {
    case LULL_RESTORE_WORK_STUCK:
    case LULL_RESTORE_WORK_FAIL:
        return give_up(step, error);
    case LULL_RESTORE_WORK_CREATE:
        return try_machine(self, error) && create_claim(self, &sights[step->index], error);
    case LULL_RESTORE_WORK_WRITE_MACHINE:
        return write_machine(self, error);
    case LULL_RESTORE_WORK_ADOPT:
        return adopt(self, &sights[step->index], error);
    case LULL_RESTORE_WORK_REMOVE_SURPLUS:
        return remove_surplus(self, error);
    case LULL_RESTORE_WORK_WAIT:
    case LULL_RESTORE_WORK_DONE:
    case LULL_RESTORE_WORK_N:
        break;
    }
    return TRUE;
}

static guint
count_bound(const LullRestoreSight *sights, guint n)
{
    guint bound = 0;

    for (guint i = 0; i < n; i++)
        bound += sights[i].volume ? 1 : 0;
    return bound;
}

static gboolean
begin(Work *self, GError **error)
{
    LullJson *status = lull_json_object(self->restore, "status");
    LullJson *surplus = lull_json_array(status, "deletedDataVolumes");
    g_autofree char *refusal = NULL;

    self->store = self->tools->store;
    self->plan = lull_json_array(status, "restores");
    if (!self->plan) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "restore %s: what it makes is not recorded yet",
                    lull_meta_name(self->restore));
        return FALSE;
    }
    refusal = lull_restore_work_refusal(self->restore, self->content, self->plan);
    if (refusal) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED, "%s", refusal);
        return FALSE;
    }
    self->surplus = surplus ? lull_json_dup(surplus) : NULL;
    self->sights = lull_restore_sights_new(self->store, self->restore, self->content, self->plan);
    return look_at_target(self, error);
}

gboolean
lull_restore_work_run(const LullRestoreTools *tools, LullJson *restore, LullJson *content,
                      void (*progress)(guint permille, gpointer user_data), gpointer user_data,
                      GCancellable *cancel, GError **error)
{
    g_auto(Work) self = {.tools = tools, .restore = restore, .content = content};
    gint64 waits_since = 0;

    if (!begin(&self, error))
        return FALSE;
    while (!g_cancellable_set_error_if_cancelled(cancel, error)) {
        const LullRestoreSight *sights = lull_restore_sights_look(self.sights, error);
        const LullRestoreLook look = {.restore = restore,
                                      .content = content,
                                      .vm = self.vm,
                                      .sights = sights,
                                      .n = (guint)json_object_array_length(self.plan),
                                      .surplus = self.surplus != NULL};
        g_auto(LullRestoreWorkStep) step = {0};
        const gint64 now = lull_clock_boottime();

        if (!sights)
            return FALSE;
        step = lull_restore_work_decide(&look);
        if (step.verb == LULL_RESTORE_WORK_DONE)
            return TRUE;
        g_debug("restore %s: %s %u %s", lull_meta_name(restore), lull_restore_work_verb_to_string(step.verb),
                step.index, step.words ? step.words : "");
        if (progress)
            progress(1000 * count_bound(sights, look.n) / (look.n + 1), user_data);
        if (step.verb == LULL_RESTORE_WORK_WAIT) {
            waits_since = waits_since ? waits_since : now;
            if (!wait_a_moment(&self, &step, sights, look.n, now - waits_since, error))
                return FALSE;
        } else if (!perform(&self, &step, sights, error)) {
            return FALSE;
        }
    }
    return FALSE;
}

/* With it a volume would go that was not made for it. */
static gboolean
may_go(LullStore *store, LullJson *claim, gboolean *ret_may, GError **error)
{
    const char *name = lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
    g_autoptr(LullJson) volume = NULL;

    *ret_may = TRUE;
    if (!*name)
        return TRUE;
    if (!lull_effect_get(store, &lull_csi_kind_volume, NULL, name, &volume, error))
        return FALSE;
    *ret_may = !volume || lull_restore_volume_is_new(claim, volume, "");
    return TRUE;
}

static gboolean
drop_claim(LullStore *store, LullJson *claim, GError **error)
{
    gboolean may = FALSE;

    if (!may_go(store, claim, &may, error))
        return FALSE;
    if (may)
        return lull_effect_remove(store, &lull_csi_kind_claim, claim, error);
    g_warning("claim %s/%s, which a restore made that was given up, is bound to a volume that was there "
              "before: it is left, look at it",
              lull_meta_namespace(claim), lull_meta_name(claim));
    return TRUE;
}

gboolean
lull_restore_work_drop(const LullRestoreTools *self, LullJson *restore, LullJson *content, GError **error)
{
    const char *source = lull_meta_name(lull_json_at(content, "spec", "source", "virtualMachine", NULL));
    const char *ns = lull_meta_namespace(restore);
    g_autofree char *selector = source ? g_strconcat(LULL_RESTORE_SOURCE "=", source, NULL) : NULL;
    const LullListOptions options = {.label_selector = selector ? selector : LULL_RESTORE_SOURCE};
    g_autoptr(LullJson) vm = NULL;
    g_autoptr(LullJson) list = NULL;
    LullJson *items = NULL;

    if (!lull_effect_get(self->store, &lull_kind_vm, ns, target_of(restore), &vm, error))
        return FALSE;
    if (vm && lull_restore_made(restore, vm))
        return TRUE;
    list = lull_store_list(self->store, &lull_csi_kind_claim, ns, &options, error);
    if (!list)
        return FALSE;
    items = lull_json_array(list, "items");
    for (size_t i = 0; items && i < json_object_array_length(items); i++) {
        LullJson *claim = json_object_array_get_idx(items, i);

        if (lull_restore_made(restore, claim) && !lull_meta_is_deleting(claim) &&
            !drop_claim(self->store, claim, error))
            return FALSE;
    }
    return TRUE;
}
