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
    /* of the watches' thread: */
    LullWatch *watch;
    gboolean over; /* nobody follows it any more */
    GMutex lock;
    GCond changed;
    /* under it: */
    GArray *rows;       /* of LullCsiFollowed, in the content's order */
    GHashTable *beside; /* names of VolumeSnapshots that seal() would have to look at */
    char *since;        /* the version of the last look; NULL: there was none, or it has none */
    gboolean heard;     /* there is a watch, as far as one knows */
    gint64 look_at;
    /* under that of the storage: */
    gint64 asked;
} Follow;

static void
follow_clear(gpointer data)
{
    Follow *self = data;

    g_array_unref(self->rows);
    g_hash_table_unref(self->beside);
    g_free(self->since);
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

/* With the lock. @snapshot NULL: it is gone. */
static void
see(Follow *self, const char *name, LullJson *snapshot)
{
    const gboolean beside = snapshot && !lull_meta_is_deleting(snapshot) &&
                            lull_csi_snapshot_attempt(snapshot, self->content) != self->attempt;

    if (beside)
        g_hash_table_add(self->beside, g_strdup(name));
    else
        g_hash_table_remove(self->beside, name);
    for (guint i = 0; i < self->rows->len; i++) {
        LullCsiFollowed *row = &g_array_index(self->rows, LullCsiFollowed, i);

        if (g_strcmp0(row->name, name) == 0 && lull_csi_followed_see(row, snapshot))
            g_cond_broadcast(&self->changed);
    }
}

/* One that broke off is made again, from what another look finds. */
static void
on_snapshot(LullWatchType type, LullJson *object, gpointer user_data)
{
    Follow *self = user_data;
    const char *name = lull_meta_name(object);

    g_mutex_lock(&self->lock);
    if (type == LULL_WATCH_ERROR) {
        self->heard = FALSE;
        self->look_at = 0;
        g_cond_broadcast(&self->changed);
    } else if (type != LULL_WATCH_BOOKMARK && name) {
        see(self, name, type == LULL_WATCH_DELETED ? NULL : object);
    }
    g_mutex_unlock(&self->lock);
}

/* Of all attempts, since what others have left goes with the seal. */
static void
begin(gpointer data)
{
    Follow *self = data;
    g_autofree char *selector = lull_csi_selector(self->content->uid, 0);
    LullWatchOptions options = {.label_selector = selector};
    g_autofree char *since = NULL;

    g_clear_pointer(&self->watch, lull_watch_stop);
    if (self->over)
        return;
    g_mutex_lock(&self->lock);
    since = g_strdup(self->since);
    g_mutex_unlock(&self->lock);
    options.since = since;
    self->watch = lull_store_watch_selected(self->csi->store, &lull_csi_kind_snapshot, self->content->ns,
                                            &options, self->csi->context, on_snapshot, self, NULL);
}

static void
end(gpointer data)
{
    Follow *self = data;

    self->over = TRUE;
    g_clear_pointer(&self->watch, lull_watch_stop);
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
    self->beside = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
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
    Follow *follow = NULL;

    g_mutex_lock(&self->lock);
    follow = g_hash_table_lookup(self->follows, key);
    if (!follow) {
        follow = follow_new(self, content, attempt, cuts);
        g_hash_table_insert(self->follows, g_steal_pointer(&key), follow);
    }
    follow->asked = lull_clock_boottime();
    g_atomic_rc_box_acquire(follow);
    g_mutex_unlock(&self->lock);
    return follow;
}

/* With the lock, which is given up meanwhile. */
static gboolean
look(Follow *self, GError **error)
{
    g_autoptr(LullJson) list = NULL;
    LullJson *items = NULL;

    g_mutex_unlock(&self->lock);
    list = lull_csi_list(self->csi, self->content, 0, error);
    g_mutex_lock(&self->lock);
    if (!list)
        return FALSE;
    self->look_at = lull_clock_boottime() + LOOK_AGAIN;
    g_free(self->since);
    self->since = g_strdup(lull_json_string(lull_json_object(list, "metadata"), "resourceVersion", NULL));
    g_hash_table_remove_all(self->beside);
    items = lull_json_array(list, "items");
    for (guint i = 0; i < self->rows->len; i++)
        see(self, g_array_index(self->rows, LullCsiFollowed, i).name, NULL);
    for (size_t i = 0; i < json_object_array_length(items); i++) {
        LullJson *snapshot = json_object_array_get_idx(items, i);

        if (lull_meta_name(snapshot))
            see(self, lull_meta_name(snapshot), snapshot);
    }
    return TRUE;
}

static LullCopyState
tell(const Follow *self, LullCopyProgress *progress)
{
    static const LullCopyState states[] = {[LULL_CSI_READY] = LULL_COPY_DONE,
                                           [LULL_CSI_UNREADY] = LULL_COPY_RUNNING,
                                           [LULL_CSI_MISSING] = LULL_COPY_ABSENT};
    const LullCsiFollowed *rows = (const LullCsiFollowed *)(gpointer)self->rows->data;

    lull_copy_progress_clear(progress);
    progress->state =
        states[lull_csi_follow_decide(rows, self->rows->len, &progress->permille, &progress->problem)];
    return progress->state;
}

/* With the lock, which is given up meanwhile. What is over at once needs no watch. */
static gboolean
ask(Follow *self, LullCopyProgress *progress, GError **error)
{
    const gint64 enough = g_get_monotonic_time() + NAP;

    if (lull_clock_boottime() >= self->look_at && !look(self, error))
        return FALSE;
    if (tell(self, progress) == LULL_COPY_RUNNING && !self->heard) {
        self->heard = TRUE;
        g_mutex_unlock(&self->lock);
        lull_csi_run(self->csi, begin, self);
        g_mutex_lock(&self->lock);
    }
    while (tell(self, progress) == LULL_COPY_RUNNING && self->heard)
        if (!g_cond_wait_until(&self->changed, &self->lock, enough))
            break;
    progress->sealed = progress->state == LULL_COPY_DONE && g_hash_table_size(self->beside) == 0;
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
        progress->sealed = FALSE;
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
