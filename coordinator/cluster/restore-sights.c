/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-sights.h"

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-state.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/storage/csi/names.h"
#include "protocol/clock.h"

/* Who provisions says nothing in a claim, but in events. */
#define LISTEN_AFTER LULL_SEC(2)

typedef struct {
    LullRestoreSight sight; /* what it lends is ours */
    char *said;
    gboolean
        confirmed;   /* of a claim that waits for its consumer: what it is made of was there after it was */
    gint64 heard_at; /* boot clock: when it was last asked what was said; 0: not yet */
} Seen;

struct _LullRestoreSights {
    LullStore *store;
    LullJson *restore, *content;
    LullContentState *state;
    GMainContext *context;
    LullWatch *watch;
    gboolean listed;
    gboolean changed;
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
    g_free(seen->said);
}

static void
replace(LullJson **field, LullJson *take)
{
    lull_json_put(*field);
    *field = take;
}

static Seen *
find(LullRestoreSights *self, LullJson *claim)
{
    for (guint i = 0; i < self->seen->len; i++)
        if (g_strcmp0(lull_json_string(at(self, i)->sight.entry, "persistentVolumeClaim", ""),
                      lull_meta_name(claim)) == 0)
            return at(self, i);
    return NULL;
}

void
lull_restore_sights_note(LullRestoreSights *self, LullJson *take_claim)
{
    Seen *seen = find(self, take_claim);

    if (seen)
        replace(&seen->sight.claim, json_object_get(take_claim));
    lull_json_put(take_claim);
}

static void
on_claim(LullWatchType type, LullJson *object, gpointer user_data)
{
    LullRestoreSights *self = user_data;
    Seen *seen = type == LULL_WATCH_BOOKMARK || type == LULL_WATCH_ERROR ? NULL : find(self, object);

    self->changed = TRUE;
    if (type == LULL_WATCH_ERROR)
        self->listed = FALSE;
    else if (seen)
        replace(&seen->sight.claim, type == LULL_WATCH_DELETED ? NULL : lull_json_dup(object));
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
    LullWatchOptions watched = {.label_selector = selector};

    if (!list)
        return FALSE;
    g_clear_pointer(&self->watch, lull_watch_stop);
    for (guint i = 0; i < self->seen->len; i++)
        replace(&at(self, i)->sight.claim, NULL);
    for (size_t i = 0; items && i < json_object_array_length(items); i++)
        lull_restore_sights_note(self, lull_json_dup(json_object_array_get_idx(items, i)));
    for (guint i = 0; i < self->seen->len; i++) {
        LullRestoreSight *sight = &at(self, i)->sight;

        if (!sight->claim && !lull_effect_get(self->store, &lull_csi_kind_claim, ns,
                                              lull_json_string(sight->entry, "persistentVolumeClaim", ""),
                                              &sight->claim, error))
            return FALSE;
    }
    watched.since = lull_json_string(lull_json_object(list, "metadata"), "resourceVersion", NULL);
    self->watch = lull_store_watch_selected(self->store, &lull_csi_kind_claim, ns, &watched, self->context,
                                            on_claim, self, error);
    self->listed = self->watch != NULL;
    return self->listed;
}

static gboolean
is_ready(LullJson *snapshot)
{
    return lull_json_bool(lull_json_object(snapshot, "status"), "readyToUse", FALSE);
}

/* Looked at before a claim is made of it, and whom its data come from when there is one. */
static gboolean
read_snapshot(LullRestoreSights *self, LullRestoreSight *sight, GError **error)
{
    const char *name = lull_json_string(sight->entry, "volumeSnapshotName", "");
    LullJson *found = NULL;
    const char *behind = NULL;

    if (sight->snapshot && (sight->claim || is_ready(sight->snapshot)))
        return TRUE;
    if (!lull_effect_get(self->store, &lull_csi_kind_snapshot, lull_meta_namespace(self->restore), name,
                         &found, error))
        return FALSE;
    replace(&sight->snapshot, found);
    replace(&sight->behind, NULL);
    behind = lull_json_string(lull_json_object(found, "status"), "boundVolumeSnapshotContentName", "");
    return !*behind ||
           lull_effect_get(self->store, &lull_csi_kind_content, NULL, behind, &sight->behind, error);
}

static gboolean
read_class(LullRestoreSights *self, LullRestoreSight *sight, GError **error)
{
    LullJson *backup = lull_restore_backup(self->content, lull_json_string(sight->entry, "volumeName", ""));
    LullJson *claim = sight->claim ? sight->claim : lull_json_object(backup, "persistentVolumeClaim");
    const char *name = lull_json_string(lull_json_object(claim, "spec"), "storageClassName", "");

    return sight->class || !*name ||
           lull_effect_get(self->store, &lull_kind_storage_class, NULL, name, &sight->class, error);
}

static gboolean
read_volume(LullRestoreSights *self, LullRestoreSight *sight, GError **error)
{
    const char *name = lull_json_string(lull_json_object(sight->claim, "spec"), "volumeName", "");
    LullJson *found = NULL;

    if (!*name || g_strcmp0(lull_meta_name(sight->volume), name) == 0)
        return TRUE;
    if (!lull_effect_get(self->store, &lull_csi_kind_volume, NULL, name, &found, error))
        return FALSE;
    replace(&sight->volume, found);
    return TRUE;
}

/* Again and again: it is CDI's to say when it has its claim. */
static gboolean
read_data_volume(LullRestoreSights *self, LullRestoreSight *sight, GError **error)
{
    const char *name = lull_json_string(sight->entry, "dataVolumeName", "");
    LullJson *found = NULL;

    if (!*name || !sight->claim)
        return TRUE;
    if (!lull_effect_get(self->store, &lull_kind_data_volume, lull_meta_namespace(self->restore), name,
                         &found, error))
        return FALSE;
    replace(&sight->data_volume, found);
    return TRUE;
}

static gint64
time_of(LullJson *event)
{
    gint64 at = 0;

    if (!lull_clock_parse(lull_json_string(event, "lastTimestamp", ""), &at))
        (void)lull_clock_parse(lull_json_string(event, "eventTime", ""), &at);
    return at;
}

static const char *
last_warning(LullJson *events)
{
    const char *last = NULL;
    gint64 last_at = -1;

    for (size_t i = 0; events && i < json_object_array_length(events); i++) {
        LullJson *event = json_object_array_get_idx(events, i);

        if (!g_str_equal(lull_json_string(event, "type", ""), "Warning") || time_of(event) <= last_at)
            continue;
        last_at = time_of(event);
        last = lull_json_string(event, "message", NULL);
    }
    return last;
}

/* Nothing is lost where it cannot be heard. */
static void
listen_to_provisioner(LullRestoreSights *self, Seen *seen)
{
    const gint64 now = lull_clock_boottime();
    const char *uid = lull_meta_uid(seen->sight.claim);
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
    said = last_warning(lull_json_array(list, "items"));
    if (said) {
        g_free(seen->said);
        seen->said = g_strdup(said);
    }
}

/* The deletion of what a claim is to be made of waits for the claim (storage/csi/awaited.h): from then on. */
static gboolean
confirm_snapshot(LullRestoreSights *self, Seen *seen, GError **error)
{
    if (seen->confirmed || !seen->sight.claim ||
        !lull_restore_claim_waits_for_consumer(seen->sight.claim, seen->sight.class))
        return TRUE;
    replace(&seen->sight.snapshot, NULL);
    seen->confirmed = read_snapshot(self, &seen->sight, error);
    return seen->confirmed;
}

static gboolean
look_at_one(LullRestoreSights *self, Seen *seen, GError **error)
{
    LullRestoreSight *sight = &seen->sight;
    const char *phase = lull_json_string(lull_json_object(sight->claim, "status"), "phase", "Pending");

    if (!read_snapshot(self, sight, error) || !read_class(self, sight, error) ||
        !confirm_snapshot(self, seen, error) || !read_volume(self, sight, error) ||
        !read_data_volume(self, sight, error))
        return FALSE;
    if (sight->claim && g_str_equal(phase, "Pending"))
        listen_to_provisioner(self, seen);
    sight->said = seen->said;
    return TRUE;
}

gboolean
lull_restore_sights_look(LullRestoreSights *self, const LullRestoreSight **ret_sights, GError **error)
{
    while (g_main_context_iteration(self->context, FALSE))
        continue;
    if (!self->listed && !list_claims(self, error))
        return FALSE;
    g_array_set_size(self->lent, 0);
    for (guint i = 0; i < self->seen->len; i++) {
        if (!look_at_one(self, at(self, i), error))
            return FALSE;
        g_array_append_val(self->lent, at(self, i)->sight);
    }
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

    g_source_set_callback(timer, wake, &over, NULL);
    (void)g_source_attach(timer, self->context);
    while (!over && !self->changed)
        (void)g_main_context_iteration(self->context, TRUE);
    g_source_destroy(timer);
}

LullRestoreSights *
lull_restore_sights_new(LullStore *store, LullJson *restore, LullJson *content, LullJson *plan)
{
    LullRestoreSights *self = g_new0(LullRestoreSights, 1);

    self->store = store;
    self->restore = restore;
    self->content = content;
    self->state = lull_content_state_of(content);
    self->context = g_main_context_new();
    self->seen = g_array_new(FALSE, TRUE, sizeof(Seen));
    g_array_set_clear_func(self->seen, seen_clear);
    self->lent = g_array_new(FALSE, TRUE, sizeof(LullRestoreSight));
    for (size_t i = 0; plan && i < json_object_array_length(plan); i++) {
        Seen seen = {.sight.entry = json_object_array_get_idx(plan, i)};
        const char *volume = lull_json_string(seen.sight.entry, "volumeName", "");

        seen.sight.cut = lull_json_object(self->state->cuts, volume);
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
    lull_content_state_free(self->state);
    g_main_context_unref(self->context);
    g_free(self);
}
