/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/follow.h"

#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/follow-decide.h"
#include "coordinator/storage/csi/kinds.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define LOOK_AGAIN LULL_SEC(30)   /* all of them, whatever the watch told: it may hang */
#define NAP        LULL_MSEC(250) /* of one poll, for news */
#define IDLE       LULL_SEC(120)  /* nobody asks any more */

typedef struct {
    LullCsi *csi;
    LullCsiContent *content;
    guint attempt;
    LullWatch *watch; /* of the watches' thread */
    GMutex lock;
    GCond changed;
    /* under it: */
    GArray *rows; /* of LullCsiFollowed, in the content's order */
    gint64 look_at;
    /* under that of the storage: */
    gint64 asked;
} Follow;

static void
follow_clear(gpointer data)
{
    Follow *self = data;

    g_array_unref(self->rows);
    lull_csi_content_unref(self->content);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
}

static void
follow_unref(Follow *self)
{
    g_atomic_rc_box_release_full(self, follow_clear);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Follow, follow_unref)

static void
see(Follow *self, const char *name, LullJson *snapshot)
{
    for (guint i = 0; i < self->rows->len; i++) {
        LullCsiFollowed *row = &g_array_index(self->rows, LullCsiFollowed, i);

        if (g_strcmp0(row->name, name) == 0 && lull_csi_followed_see(row, snapshot))
            g_cond_broadcast(&self->changed);
    }
}

static void
on_snapshot(LullWatchType type, LullJson *object, gpointer user_data)
{
    Follow *self = user_data;

    if (type == LULL_WATCH_BOOKMARK || type == LULL_WATCH_ERROR)
        return;
    g_mutex_lock(&self->lock);
    see(self, lull_meta_name(object), type == LULL_WATCH_DELETED ? NULL : object);
    g_mutex_unlock(&self->lock);
}

static void
begin(gpointer data)
{
    Follow *self = data;
    g_autofree char *selector = lull_csi_selector(self->content->uid, self->attempt);
    const LullWatchOptions options = {.label_selector = selector};

    self->watch = lull_store_watch_selected(self->csi->store, &lull_csi_kind_snapshot, self->content->ns,
                                            &options, self->csi->context, on_snapshot, self, NULL);
}

static void
end(gpointer data)
{
    Follow *self = data;

    lull_watch_stop(g_steal_pointer(&self->watch));
}

static Follow *
follow_new(LullCsi *csi, LullCsiContent *content, guint attempt, LullJson *cuts)
{
    Follow *self = g_atomic_rc_box_new0(Follow);

    self->csi = csi;
    self->content = lull_csi_content_ref(content);
    self->attempt = attempt;
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    self->rows = lull_csi_followed_new(content, attempt, cuts);
    return self;
}

GHashTable *
lull_csi_follows_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)follow_unref);
}

static char *
key_of(const char *content_uid, guint attempt)
{
    return g_strdup_printf("%s/%u", content_uid, attempt);
}

/* Takes out of the table, with a reference each, those of an attempt, or those that nobody asks for. */
static GPtrArray *
take_out(LullCsi *self, const char *content_uid, guint attempt, gint64 asked_before)
{
    GPtrArray *taken = g_ptr_array_new_with_free_func((GDestroyNotify)follow_unref);
    GHashTableIter iter;
    Follow *follow = NULL;

    g_mutex_lock(&self->lock);
    g_hash_table_iter_init(&iter, self->follows);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&follow)) {
        const gboolean meant = content_uid && g_str_equal(follow->content->uid, content_uid) &&
                               (!attempt || follow->attempt == attempt);

        if (!meant && follow->asked >= asked_before)
            continue;
        g_ptr_array_add(taken, g_atomic_rc_box_acquire(follow));
        g_hash_table_iter_remove(&iter);
    }
    g_mutex_unlock(&self->lock);
    return taken;
}

static void
end_all(gpointer data)
{
    GPtrArray *follows = data;

    for (guint i = 0; i < follows->len; i++)
        end(follows->pdata[i]);
}

void
lull_csi_forget_follow(LullCsi *self, const char *content_uid, guint attempt)
{
    g_autoptr(GPtrArray) taken = take_out(self, content_uid, attempt, lull_clock_boottime() - IDLE);

    if (taken->len)
        lull_csi_run(self, end_all, taken);
}

void
lull_csi_drop_follows(LullCsi *self)
{
    g_autoptr(GPtrArray) taken = take_out(self, NULL, 0, G_MAXINT64);

    end_all(taken);
}

static Follow *
follow_of(LullCsi *self, LullCsiContent *content, guint attempt)
{
    g_autofree char *key = key_of(content->uid, attempt);
    g_autoptr(LullJson) cuts = lull_csi_cuts_of(self, content->uid, attempt);
    g_autoptr(Follow) made = NULL;
    Follow *follow = NULL;

    g_mutex_lock(&self->lock);
    follow = g_hash_table_lookup(self->follows, key);
    if (!follow) {
        made = follow_new(self, content, attempt, cuts);
        follow = made;
        g_hash_table_insert(self->follows, g_steal_pointer(&key), g_atomic_rc_box_acquire(follow));
    }
    follow->asked = lull_clock_boottime();
    g_atomic_rc_box_acquire(follow);
    g_mutex_unlock(&self->lock);
    if (made)
        lull_csi_run(self, begin, follow);
    return follow;
}

/* With the lock, which is given up meanwhile. */
static gboolean
look(Follow *self, GError **error)
{
    g_autoptr(LullJson) list = NULL;
    LullJson *items = NULL;

    g_mutex_unlock(&self->lock);
    list = lull_csi_list(self->csi, self->content, self->attempt, error);
    g_mutex_lock(&self->lock);
    if (!list)
        return FALSE;
    self->look_at = lull_clock_boottime() + LOOK_AGAIN;
    items = lull_json_array(list, "items");
    for (guint i = 0; i < self->rows->len; i++) {
        const char *name = g_array_index(self->rows, LullCsiFollowed, i).name;
        LullJson *found = NULL;

        for (size_t k = 0; k < json_object_array_length(items) && !found; k++)
            if (g_strcmp0(lull_meta_name(json_object_array_get_idx(items, k)), name) == 0)
                found = json_object_array_get_idx(items, k);
        see(self, name, found);
    }
    return TRUE;
}

/* With the lock, which is given up meanwhile. */
static gboolean
ask(Follow *self, LullCopyProgress *progress, GError **error)
{
    static const LullCopyState states[] = {[LULL_CSI_READY] = LULL_COPY_DONE,
                                           [LULL_CSI_UNREADY] = LULL_COPY_RUNNING,
                                           [LULL_CSI_MISSING] = LULL_COPY_ABSENT};
    const LullCsiFollowed *rows = (const LullCsiFollowed *)(gpointer)self->rows->data;
    const gint64 enough = g_get_monotonic_time() + NAP;

    if (lull_clock_boottime() >= self->look_at && !look(self, error))
        return FALSE;
    do {
        lull_copy_progress_clear(progress);
        progress->state =
            states[lull_csi_follow_decide(rows, self->rows->len, &progress->permille, &progress->problem)];
    } while (progress->state == LULL_COPY_RUNNING && g_cond_wait_until(&self->changed, &self->lock, enough));
    return TRUE;
}

/* All are ready, and the very VolumeSnapshots that were cut: are their contents, too? */
static gboolean
look_behind(LullCsi *self, const LullCsiContent *content, guint attempt, LullCopyProgress *progress,
            GError **error)
{
    g_autoptr(LullJson) cuts = lull_csi_cuts_of(self, content->uid, attempt);

    for (guint i = 0; i < content->backups->len; i++) {
        const LullCsiBackup *backup = content->backups->pdata[i];
        g_autoptr(GError) problem = NULL;
        g_autofree char *name = NULL;

        if (lull_csi_look_behind(self, lull_json_object(cuts, backup->volume), NULL, &problem))
            continue;
        if (!lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        name = lull_csi_snapshot_name(backup, attempt);
        progress->state = LULL_COPY_ABSENT;
        progress->problem = g_strdup_printf("VolumeSnapshots (%s) missing: %s", name, problem->message);
        break;
    }
    return TRUE;
}

gboolean
lull_csi_poll(LullStorage *storage, const char *vm_uid, const char *content_uid, guint attempt,
              LullCopyProgress *ret_progress, GError **error)
{
    LullCsi *self = (LullCsi *)storage;
    g_autoptr(LullCsiContent) content = lull_csi_find(self, content_uid, NULL, error);
    g_autoptr(Follow) follow = content ? follow_of(self, content, attempt) : NULL;
    gboolean good;

    if (!follow)
        return FALSE;
    g_mutex_lock(&follow->lock);
    good = ask(follow, ret_progress, error);
    g_mutex_unlock(&follow->lock);
    if (good && ret_progress->state == LULL_COPY_DONE)
        good = look_behind(self, content, attempt, ret_progress, error);
    if (!good || ret_progress->state != LULL_COPY_RUNNING)
        lull_csi_forget_follow(self, content_uid, attempt);
    return good;
}
