/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-sights.h"

#include <string.h>

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-read.h"
#include "coordinator/cluster/restore-swap-sights.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-state.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/store/ahead.h"
#include "protocol/clock.h"

/* Who provisions says nothing in a claim, but in events. */
#define LISTEN_AFTER LULL_SEC(2)

typedef struct {
    LullRestoreSight sight; /* what it lends is ours */
    LullRestoreReadState read;
    char *aside; /* in place: the name of the claim aside */
    char *said;
    gint64 heard_at; /* boot clock: when it was last asked what was said; 0: not yet */
} Seen;

struct _LullRestoreSights {
    LullStore *store;
    LullJson *restore, *content;
    LullContentState *state;
    GMainContext *context;
    LullWatch *watch;
    gboolean fresh; /* none of its claims was there when this began */
    char *since;    /* fresh: the version from which on claims are to be heard of; NULL: none was made */
    gboolean listed;
    gboolean changed;
    gboolean in_place;
    gboolean swap_seen; /* what there is besides was looked at */
    LullRestoreSwapSights swap;
    GArray *seen; /* of Seen */
    GArray *lent; /* of LullRestoreSight */
};

static Seen *
at(LullRestoreSights *self, guint i)
{
    return &g_array_index(self->seen, Seen, i);
}

static void
seen_clear(gpointer data)
{
    Seen *seen = data;

    lull_json_put(seen->sight.snapshot);
    lull_json_put(seen->sight.behind);
    lull_json_put(seen->sight.claim);
    lull_json_put(seen->sight.volume);
    lull_json_put(seen->sight.class);
    lull_json_put(seen->sight.data_volume);
    lull_restore_swap_clear(&seen->sight.swap);
    g_free(seen->aside);
    lull_restore_read_state_clear(&seen->read);
    g_free(seen->said);
}

static void
replace(LullJson **field, LullJson *take)
{
    lull_json_put(*field);
    *field = take;
}

/* Where a claim of that name stands; NULL: nowhere. */
static LullJson **
find(LullRestoreSights *self, const char *name)
{
    for (guint i = 0; i < self->seen->len; i++) {
        LullRestoreSight *sight = &at(self, i)->sight;

        if (g_strcmp0(lull_json_string(sight->entry, "persistentVolumeClaim", ""), name) == 0)
            return &sight->claim;
        if (self->in_place && g_strcmp0(at(self, i)->aside, name) == 0)
            return &sight->swap.aside;
    }
    return NULL;
}

void
lull_restore_sights_note(LullRestoreSights *self, LullJson *take_claim)
{
    LullJson **field = find(self, lull_meta_name(take_claim));

    if (field)
        replace(field, json_object_get(take_claim));
    if (self->fresh && !self->since)
        self->since = g_strdup(lull_meta_version(take_claim));
    lull_json_put(take_claim);
}

gboolean
lull_restore_sights_reread(LullRestoreSights *self, const char *name, GError **error)
{
    LullJson **field = find(self, name);
    LullJson *found = NULL;

    if (field && !lull_effect_get(self->store, &lull_csi_kind_claim, lull_meta_namespace(self->restore), name,
                                  &found, error))
        return FALSE;
    if (field)
        replace(field, found);
    return TRUE;
}

static void
on_claim(LullWatchType type, LullJson *object, gpointer user_data)
{
    LullRestoreSights *self = user_data;
    LullJson **field =
        type == LULL_WATCH_BOOKMARK || type == LULL_WATCH_ERROR ? NULL : find(self, lull_meta_name(object));

    self->changed = TRUE;
    if (type == LULL_WATCH_ERROR)
        self->listed = FALSE;
    else if (field)
        replace(field, type == LULL_WATCH_DELETED ? NULL : lull_json_dup(object));
}

static gboolean
read_claim(LullRestoreSights *self, Seen *seen, GError **error)
{
    LullRestoreSight *sight = &seen->sight;

    if (self->in_place)
        return sight->swap.aside || lull_restore_sights_reread(self, seen->aside, error);
    return sight->claim || lull_restore_sights_reread(
                               self, lull_json_string(sight->entry, "persistentVolumeClaim", ""), error);
}

static gboolean
hear_claims(LullRestoreSights *self, const char *selector, const char *since, GError **error)
{
    const LullWatchOptions options = {.label_selector = selector, .since = since};

    g_clear_pointer(&self->watch, lull_watch_stop);
    self->watch =
        lull_store_watch_selected(self->store, &lull_csi_kind_claim, lull_meta_namespace(self->restore),
                                  &options, self->context, on_claim, self, error);
    self->listed = self->watch != NULL;
    return self->listed;
}

/* Those of this restore have a label, others of a planned name have not. */
static gboolean
list_claims(LullRestoreSights *self, GError **error)
{
    const char *ns = lull_meta_namespace(self->restore);
    g_autofree char *selector = lull_restore_selector(self->content);
    const LullListOptions options = {.label_selector = selector};
    g_autoptr(LullJson) list = lull_store_list(self->store, &lull_csi_kind_claim, ns, &options, error);
    LullJson *items = lull_json_array(list, "items");

    if (!list)
        return FALSE;
    self->fresh = FALSE;
    g_clear_pointer(&self->watch, lull_watch_stop);
    for (guint i = 0; i < self->seen->len; i++) {
        replace(&at(self, i)->sight.claim, NULL);
        replace(&at(self, i)->sight.swap.aside, NULL);
    }
    self->swap_seen = FALSE;
    for (size_t i = 0; items && i < json_object_array_length(items); i++)
        lull_restore_sights_note(self, lull_json_dup(json_object_array_get_idx(items, i)));
    for (guint i = 0; i < self->seen->len; i++)
        if (!read_claim(self, at(self, i), error))
            return FALSE;
    return hear_claims(self, selector,
                       lull_json_string(lull_json_object(list, "metadata"), "resourceVersion", NULL), error);
}

/* What is called after this restore is there when it was made, and whoever makes it is told if it is there
 * all the same; other names may be somebody's. */
static gboolean
look_for_others(LullRestoreSights *self, GError **error)
{
    const char *uid = lull_meta_uid(self->restore);

    for (guint i = 0; i < self->seen->len; i++) {
        const char *name = lull_json_string(at(self, i)->sight.entry, "persistentVolumeClaim", "");

        if (!(uid && strstr(name, uid)) && !lull_restore_sights_reread(self, name, error))
            return FALSE;
    }
    self->listed = TRUE;
    return TRUE;
}

/* From the first one that was made. Where it cannot be heard from there on, all are listed. */
static void
hear_fresh_claims(LullRestoreSights *self)
{
    g_autofree char *selector = lull_restore_selector(self->content);

    if (self->fresh && self->since)
        (void)hear_claims(self, selector, self->since, NULL);
    self->fresh = self->fresh && !self->since;
}

/* Nothing is lost where it cannot be heard. */
static void
listen_to_provisioner(LullRestoreSights *self, Seen *seen, LullJson *claim)
{
    const gint64 now = lull_clock_boottime();
    const char *uid = lull_meta_uid(claim);
    g_autofree char *selector = g_strconcat("involvedObject.uid=", uid ? uid : "", NULL);
    const LullListOptions options = {.field_selector = selector};
    g_autoptr(LullJson) list = NULL;
    const char *said = NULL;

    if (!seen->heard_at)
        seen->heard_at = now;
    if (now - seen->heard_at < LISTEN_AFTER)
        return;
    seen->heard_at = now;
    list = lull_store_list(self->store, &lull_kind_event, lull_meta_namespace(self->restore), &options, NULL);
    said = lull_restore_last_warning(lull_json_array(list, "items"));
    if (said) {
        g_free(seen->said);
        seen->said = g_strdup(said);
    }
}

static gboolean
is_pending(LullJson *claim)
{
    return claim &&
           g_str_equal(lull_json_string(lull_json_object(claim, "status"), "phase", "Pending"), "Pending");
}

static gboolean
look_at_one(LullRestoreSights *self, const LullRestoreReader *reader, Seen *seen, GError **error)
{
    LullRestoreSight *sight = &seen->sight;
    LullJson *claim = sight->swap.aside ? sight->swap.aside : sight->claim;

    if (!lull_restore_read(reader, sight, &seen->read, error))
        return FALSE;
    if (is_pending(claim))
        listen_to_provisioner(self, seen, claim);
    sight->said = seen->said;
    return TRUE;
}

/* All the rest is no matter while the new data are yet to come. */
static gboolean
look_at_swap(LullRestoreSights *self, GError **error)
{
    for (guint i = 0; self->swap_seen && i < self->seen->len; i++)
        if (is_pending(at(self, i)->sight.swap.aside))
            return TRUE;
    if (!lull_restore_swap_sights_read(&self->swap, error))
        return FALSE;
    for (guint i = 0; i < self->seen->len; i++)
        if (!lull_restore_swap_sights_fill(&self->swap, &at(self, i)->sight, error))
            return FALSE;
    self->swap_seen = TRUE;
    return TRUE;
}

/* After it is known which claims there are: what is read is of then, or later. It is asked at once, as far as
 * that is known before. */
static gboolean
look_at_all(LullRestoreSights *self, GError **error)
{
    g_autoptr(LullStore) ahead = lull_store_ahead_new(self->store);
    const LullRestoreReader reader = {ahead, self->restore, self->content, self->in_place};
    g_autoptr(GArray) wants = g_array_new(FALSE, FALSE, sizeof(LullWant));

    for (guint i = 0; i < self->seen->len; i++)
        lull_restore_read_want(&reader, &at(self, i)->sight, &at(self, i)->read, wants);
    lull_store_ahead_ask(ahead, (const LullWant *)(gpointer)wants->data, wants->len);
    for (guint i = 0; i < self->seen->len; i++)
        if (!look_at_one(self, &reader, at(self, i), error))
            return FALSE;
    return TRUE;
}

gboolean
lull_restore_sights_look(LullRestoreSights *self, const LullRestoreSight **ret_sights, GError **error)
{
    while (g_main_context_iteration(self->context, FALSE))
        continue;
    if ((!self->listed && !(self->fresh ? look_for_others(self, error) : list_claims(self, error))) ||
        (self->in_place && !look_at_swap(self, error)) || !look_at_all(self, error))
        return FALSE;
    g_array_set_size(self->lent, 0);
    for (guint i = 0; i < self->seen->len; i++)
        g_array_append_val(self->lent, at(self, i)->sight);
    self->changed = FALSE;
    *ret_sights = (const LullRestoreSight *)(gpointer)self->lent->data;
    return TRUE;
}

static gboolean
wake(gpointer over)
{
    *(gboolean *)over = TRUE;
    return G_SOURCE_REMOVE;
}

void
lull_restore_sights_wait(LullRestoreSights *self, gint64 usec)
{
    g_autoptr(GSource) timer = g_timeout_source_new((guint)(MAX(usec, 0) / LULL_MSEC(1)));
    gboolean over = FALSE;

    hear_fresh_claims(self);
    g_source_set_callback(timer, wake, &over, NULL);
    (void)g_source_attach(timer, self->context);
    while (!over && !self->changed && self->listed)
        (void)g_main_context_iteration(self->context, TRUE);
    g_source_destroy(timer);
}

LullRestoreSights *
lull_restore_sights_new(LullStore *store, LullJson *restore, LullJson *content, LullJson *plan,
                        gboolean fresh)
{
    LullRestoreSights *self = g_new0(LullRestoreSights, 1);

    self->store = store;
    self->restore = restore;
    self->content = content;
    self->state = lull_content_state_of(content);
    self->in_place = lull_restore_is_in_place(restore);
    self->fresh = fresh && !self->in_place;
    self->swap = (LullRestoreSwapSights){.store = store, .restore = restore};
    self->context = g_main_context_new();
    self->seen = g_array_new(FALSE, TRUE, sizeof(Seen));
    g_array_set_clear_func(self->seen, seen_clear);
    self->lent = g_array_new(FALSE, TRUE, sizeof(LullRestoreSight));
    for (size_t i = 0; plan && i < json_object_array_length(plan); i++) {
        Seen seen = {.sight.entry = json_object_array_get_idx(plan, i)};
        const char *volume = lull_json_string(seen.sight.entry, "volumeName", "");

        seen.sight.cut = lull_json_object(self->state->cuts, volume);
        lull_restore_read_state_init(&seen.read, seen.sight.cut);
        seen.aside = lull_restore_aside_name(restore, seen.sight.entry);
        g_array_append_val(self->seen, seen);
    }
    return self;
}

void
lull_restore_sights_free(LullRestoreSights *self)
{
    if (!self)
        return;
    g_clear_pointer(&self->watch, lull_watch_stop);
    g_array_unref(self->seen);
    g_array_unref(self->lent);
    lull_restore_swap_sights_clear(&self->swap);
    lull_content_state_free(self->state);
    g_free(self->since);
    g_main_context_unref(self->context);
    g_free(self);
}
