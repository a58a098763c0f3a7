/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/grant-effects.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-view.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/grant-decide.h"
#include "coordinator/reconcile/rest.h"
#include "coordinator/reconcile/snapshot-view.h"
#include "protocol/clock.h"
#include "protocol/error.h"

const LullKind lull_kind_node = {
    .group = "",
    .version = "v1",
    .kind = "Node",
    .plural = "nodes",
    .singular = "node",
    .cluster_scoped = TRUE,
    .doc = "A machine of the cluster.",
};

/* One content, its grant and its machine, as they are now. */
typedef struct {
    LullGrantView view;
    gint64 term;
    char *place; /* where the next attempt would be; NULL: nowhere */
    LullJson *content;
} Look;

static void
look_clear(Look *self)
{
    g_clear_pointer(&self->place, g_free);
    g_clear_pointer(&self->content, json_object_put);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Look, look_clear)

static LullJson *
captured_vm(LullJson *content)
{
    return lull_json_at(content, "spec", "source", "virtualMachine", NULL);
}

static const char *
snapshot_of(LullJson *content)
{
    return lull_json_string(lull_json_object(content, "spec"), "virtualMachineSnapshotName", "");
}

/* Where an attempt at @vm would be: one that is off, or gone, also where another has its name, can be worked
 * on anywhere. NULL: nowhere. */
static const char *
place_of(const LullGrants *grants, LullJson *vm)
{
    const char *node = lull_json_string(lull_json_object(vm, "status"), LULL_MACHINE_NODE, grants->node);

    return *node ? node : NULL;
}

LullGrant *
lull_grants_first(gpointer user_data, LullJson *vm)
{
    const LullGrants *grants = user_data;
    const char *place = place_of(grants, vm);
    LullGrant *grant = NULL;
    gint64 term = 0;

    if (!place || !grants->leads(grants->leader, &term))
        return NULL;
    grant = g_new0(LullGrant, 1);
    *grant = (LullGrant){.term = term, .attempt = 1, .node = g_strdup(place), .valid_for = LULL_GRANT_VALID};
    return grant;
}

static gboolean
find_place(Look *self, const LullGrants *grants, const char *ns, GError **error)
{
    const char *name = lull_meta_name(captured_vm(self->content));
    g_autoptr(LullJson) vm = NULL;

    if (name && !lull_effect_get(grants->store, &lull_kind_vm, ns, name, &vm, error))
        return FALSE;
    if (!lull_machine_is(vm, self->content))
        g_clear_pointer(&vm, json_object_put);
    self->place = g_strdup(place_of(grants, vm));
    self->view.placed = self->place != NULL;
    /* unless the grant is to that one */
    self->view.misplaced = lull_json_string(lull_json_object(vm, "status"), LULL_MACHINE_NODE, NULL) != NULL;
    return TRUE;
}

/* Where nobody says whether it is ready it is. */
static gboolean
is_alive(LullJson *node)
{
    return node && !lull_meta_is_deleting(node) &&
           (!lull_condition_has(node, "Ready") || lull_condition_is(node, "Ready", TRUE));
}

static gint64
unready_since(LullJson *node)
{
    gint64 since = 0;

    lull_clock_parse(lull_condition_changed(node, "Ready"), &since);
    return since;
}

static gboolean
look_at_node(Look *self, const LullGrants *grants, GError **error)
{
    const char *label = lull_grant_label(self->content);
    g_autoptr(LullJson) node = NULL;

    if (label && g_str_equal(label, grants->node))
        return TRUE;
    if (label && !lull_effect_get(grants->store, &lull_kind_node, NULL, label, &node, error))
        return FALSE;
    self->view.orphaned = !is_alive(node);
    if (node && !lull_meta_is_deleting(node))
        self->view.lost_at =
            MAX(self->view.now - MAX(lull_store_now(grants->store) - unready_since(node), 0), 1);
    return TRUE;
}

static void
look_at_grant(Look *self, const LullContentState *state, const LullGrants *grants)
{
    LullGrantView *view = &self->view;
    const char *uid = lull_meta_uid(self->content);
    g_autoptr(LullGrant) grant = lull_grant_of(self->content);
    const gint64 clock = lull_store_now(grants->store);
    const gint64 retry_at = lull_content_retry_at(state, grants->pause, clock);

    lull_grant_book_see(grants->book, uid, grant, state->number, view->now);
    view->number = state->number;
    view->unquiesced = state->unquiesced;
    view->granted = grant ? grant->attempt : 0;
    view->last = lull_grant_last(self->content);
    view->ours = grant && grant->term == self->term;
    view->valid_for = grant ? grant->valid_for : 0;
    view->granted_at = lull_grant_book_granted_at(grants->book, uid, view->now);
    view->begun_at = lull_grant_book_begun_at(grants->book, uid, view->now);
    view->misplaced = view->misplaced && grant && g_strcmp0(grant->node, self->place) != 0;
    if (retry_at)
        view->retry_at = view->now + MAX(retry_at - clock, 0);
}

/* Does anybody wait for another attempt, and where would that be? Of one that has had its last it does not
 * matter. */
static gboolean
look_at_wish(Look *self, const LullGrants *grants, const char *ns, const char *name, GError **error)
{
    g_autoptr(LullJson) snapshot = NULL;
    gint64 deadline = 0;

    self->view.wanted = lull_content_stage_is_final(self->view.stage);
    if (self->view.wanted)
        return TRUE;
    if (!lull_effect_get(grants->store, &lull_kind_snapshot, ns, snapshot_of(self->content), &snapshot,
                         error) ||
        !find_place(self, grants, ns, error))
        return FALSE;
    self->view.wanted = lull_content_is_wanted(name, snapshot);
    deadline = snapshot ? lull_snapshot_deadline(snapshot) : 0;
    if (deadline)
        self->view.deadline = MAX(self->view.now + deadline - lull_store_now(grants->store), 1);
    return TRUE;
}

static gboolean
look(Look *self, const LullGrants *grants, const char *ns, const char *name, GError **error)
{
    g_autoptr(LullContentState) state = NULL;

    self->view.now = lull_clock_boottime();
    if (!grants->leads(grants->leader, &self->term)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "another coordinator leads");
        return FALSE;
    }
    if (!lull_effect_get(grants->store, &lull_kind_content, ns, name, &self->content, error))
        return FALSE;
    self->view.exists = self->content != NULL;
    if (grants->seen)
        lull_seen_note(grants->seen, ns, name, lull_meta_uid(self->content));
    if (!self->content)
        return TRUE;
    state = lull_content_state_of(self->content);
    self->view.deleting = lull_meta_is_deleting(self->content);
    self->view.stage = state->stage;
    if (!look_at_wish(self, grants, ns, name, error) || !look_at_node(self, grants, error))
        return FALSE;
    look_at_grant(self, state, grants);
    return TRUE;
}

/* @grant NULL: none. */
static gboolean
write_grant(const LullGrants *grants, const Look *look, const LullGrant *grant, const char *node,
            GError **error)
{
    LullJson *patch = json_object_new_object();
    LullJson *meta = lull_json_ensure(patch, "metadata");
    g_autofree char *text = NULL;

    if (grant)
        text = lull_grant_to_annotation(grant);
    else if (look->view.last)
        text = lull_grant_void_annotation(look->view.last);
    lull_json_set_string(meta, "resourceVersion", lull_meta_version(look->content));
    json_object_object_add(lull_json_ensure(meta, "annotations"), LULL_ANNOTATION_GRANT,
                           text ? json_object_new_string(text) : NULL);
    lull_json_set_string(lull_json_ensure(meta, "labels"), LULL_LABEL_NODE, node);
    return lull_effect_patch(grants->store, &lull_kind_content, look->content, LULL_PATCH_OBJECT, patch,
                             error);
}

static gboolean
perform(const LullGrants *grants, const Look *look, LullGrantVerb verb, GError **error)
{
    const LullGrant grant = {.term = look->term,
                             .attempt = lull_grant_next(&look->view),
                             .node = look->place,
                             .valid_for = LULL_GRANT_VALID,
                             .again = lull_grant_is_again(&look->view)};

    switch (verb) {
    case LULL_GRANT_GIVE:
        return write_grant(grants, look, &grant, grant.node, error);
    case LULL_GRANT_ADOPT:
        return write_grant(grants, look, NULL, grants->node, error);
    case LULL_GRANT_WAIT:
    case LULL_GRANT_N:
        break;
    }
    return TRUE;
}

gboolean
lull_grant_pass(gpointer user_data, const char *ns, const char *name, LullPass *ret_pass, GError **error)
{
    const LullGrants *grants = user_data;
    g_auto(Look) now = {{0}};
    LullGrantStep step;

    if (!look(&now, grants, ns, name, error))
        return FALSE;
    step = lull_grant_decide(&now.view);
    if (step.again_at)
        ret_pass->again_usec = MAX(step.again_at - now.view.now, 0) + LULL_MSEC(1);
    if (step.verb == LULL_GRANT_WAIT)
        return TRUE;
    g_debug("content %s: %s (%s)", name, lull_grant_verb_to_string(step.verb), step.reason);
    ret_pass->acted = TRUE;
    return perform(grants, &now, step.verb, error);
}

const char *
lull_grant_sight(const LullKind *kind, LullJson *object)
{
    if (kind != &lull_kind_node)
        return NULL;
    return is_alive(object) ? "alive" : lull_meta_is_deleting(object) ? "going" : "lost";
}

GStrv
lull_grant_refs(LullJson *content)
{
    const char *ns = lull_meta_namespace(content);
    const char *vm = lull_meta_name(captured_vm(content));
    const char *node = lull_grant_label(content);
    g_autoptr(LullContentState) state = lull_content_state_of(content);
    GStrv refs = g_new0(char *, 4);

    refs[0] = lull_loop_ref(&lull_kind_node, "", node ? node : "");
    if (lull_content_stage_is_final(state->stage))
        return refs;
    refs[1] = lull_loop_ref(&lull_kind_snapshot, ns, snapshot_of(content));
    refs[2] = lull_loop_ref(&lull_kind_vm, ns, vm ? vm : "");
    return refs;
}
