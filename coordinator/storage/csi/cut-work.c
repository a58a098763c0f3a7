/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/cut.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/store/kube/kube.h"
#include "protocol/clock.h"
#include "protocol/error.h"

/* A watch tells at once. Whoever cuts waits for the same API server, for some twenty requests one after the
 * other, so what is read beside them makes the guest stand still for longer. */
#define LOOK_PAUSE LULL_MSEC(250)
#define POST_PAUSE LULL_MSEC(100) /* before asking again what became of one whose answer was lost */

/* With the lock. */
static void
note_error(LullCsiVolumeCut *volume, const GError *error)
{
    g_free(volume->facts.error);
    volume->facts.error = g_strdup(error->message);
    volume->facts.final = TRUE;
}

static void
set_foreign(GError **error)
{
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_EXISTS,
        "there is one already, and this attempt did not make it: delete it, or have whoever made it take "
        "another name");
}

/* Ours by this name, made by a POST whose answer was lost. NULL without an error: it is not there. */
static LullJson *
find_posted(LullCsiCut *self, const LullCsiVolumeCut *volume, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) found = lull_store_get(self->csi->store, &lull_csi_kind_snapshot, self->content->ns,
                                               volume->planned->snapshot, &problem);

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return NULL;
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    if (lull_csi_snapshot_is_ours(found, volume->planned->object))
        return g_steal_pointer(&found);
    set_foreign(error);
    return NULL;
}

static gboolean
is_lost(const GError *error)
{
    return lull_error_is(error, LULL_ERROR_LOST) || lull_error_is(error, LULL_ERROR_TIMED_OUT);
}

/* One that is there before our first POST was made before the guest was held, whoever made it: nothing that
 * it says of itself makes it this cut. */
static LullJson *
post(LullCsiCut *self, LullCsiVolumeCut *volume, GError **error)
{
    g_autoptr(GError) problem = NULL;
    LullJson *made =
        lull_store_create(self->csi->store, &lull_csi_kind_snapshot, volume->planned->object, &problem);

    if (made)
        return made;
    if (is_lost(problem))
        volume->doubted = TRUE;
    if (!volume->doubted && lull_error_is(problem, LULL_ERROR_EXISTS)) {
        set_foreign(error);
        return NULL;
    }
    if (!is_lost(problem) && !lull_error_is(problem, LULL_ERROR_EXISTS)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    made = find_posted(self, volume, error);
    if (!made && error && !*error) /* there is none: that it was lost is the answer */
        g_propagate_error(error, g_steal_pointer(&problem));
    return made;
}

/* With the lock, which is given up meanwhile. */
static void
post_volume(LullCsiCut *self, LullCsiVolumeCut *volume)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) made = NULL;

    g_mutex_unlock(&self->lock);
    made = post(self, volume, &error);
    g_mutex_lock(&self->lock);
    volume->look_at = lull_clock_boottime() + (made ? LOOK_PAUSE : POST_PAUSE);
    if (made) {
        volume->uid = g_strdup(lull_meta_uid(made));
        (void)lull_csi_facts_see_snapshot(&volume->facts, made, lull_clock_boottime());
        lull_csi_cut_watch_content(self, volume);
    } else if (error && !is_lost(error)) {
        note_error(volume, error);
    }
    g_cond_broadcast(&self->changed);
}

/* With the lock, which is given up meanwhile. The VolumeSnapshot is read where there is no content yet: it
 * alone tells why. */
static void
look(LullCsiCut *self, LullCsiVolumeCut *volume)
{
    g_autofree char *name = lull_csi_content_name(volume->uid);
    g_autoptr(GError) problem = NULL;
    g_autoptr(GError) gone = NULL;
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) snapshot = NULL;

    g_mutex_unlock(&self->lock);
    content = lull_store_get(self->csi->store, &lull_csi_kind_content, NULL, name, &problem);
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        snapshot = lull_store_get(self->csi->store, &lull_csi_kind_snapshot, self->content->ns,
                                  volume->planned->snapshot, &gone);
    g_mutex_lock(&self->lock);
    volume->look_at = lull_clock_boottime() + LOOK_PAUSE;
    if (content)
        (void)lull_csi_facts_see_content(&volume->facts, content, volume->uid, volume->planned->volume,
                                         lull_clock_boottime());
    if (snapshot)
        (void)lull_csi_facts_see_snapshot(&volume->facts, snapshot, lull_clock_boottime());
    if (gone && lull_error_is(gone, LULL_ERROR_NOT_FOUND))
        note_error(volume, gone);
    g_cond_broadcast(&self->changed);
}

/* With the lock. What is due first and nobody has, of what can still come to something. */
static LullCsiVolumeCut *
next_volume(LullCsiCut *self)
{
    LullCsiVolumeCut *next = NULL;

    for (guint i = 0; i < self->n; i++) {
        LullCsiVolumeCut *volume = &self->volumes[i];

        if (volume->busy || volume->facts.final || volume->facts.step == LULL_CSI_CUT)
            continue;
        if (!next || volume->look_at < next->look_at)
            next = volume;
    }
    return next;
}

void
lull_csi_cut_wait(LullCsiCut *self, gint64 until)
{
    if (until == G_MAXINT64)
        g_cond_wait(&self->changed, &self->lock);
    else
        (void)g_cond_wait_until(&self->changed, &self->lock,
                                g_get_monotonic_time() + until - lull_clock_boottime());
}

static void
follow(LullCsiCut *self)
{
    while (!self->over) {
        LullCsiVolumeCut *volume = self->go ? next_volume(self) : NULL;

        if (!volume || volume->look_at > lull_clock_boottime()) {
            lull_csi_cut_wait(self, volume ? volume->look_at : G_MAXINT64);
            continue;
        }
        volume->busy = TRUE;
        if (volume->uid)
            look(self, volume);
        else
            post_volume(self, volume);
        volume->busy = FALSE;
    }
}

/* With the lock, which is given up meanwhile. On the connection that the POST will take. */
static void
try_volume(LullCsiCut *self, LullCsiVolumeCut *volume)
{
    const gint64 begun = lull_clock_boottime();
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) answer = NULL;

    g_mutex_unlock(&self->lock);
    answer = lull_store_kube_try_create(self->csi->store, &lull_csi_kind_snapshot, volume->planned->object,
                                        &problem);
    g_mutex_lock(&self->lock);
    if (!answer && !self->refusal) {
        g_prefix_error(&problem, "volume %s: VolumeSnapshot %s: ", volume->planned->backup->volume,
                       volume->planned->snapshot);
        self->refusal = g_steal_pointer(&problem);
    }
    self->slowest = MAX(self->slowest, lull_clock_boottime() - begun);
    self->judged++;
    g_cond_broadcast(&self->changed);
}

gpointer
lull_csi_cut_work(gpointer data)
{
    LullCsiCut *self = data;

    g_mutex_lock(&self->lock);
    while (!self->over && self->tried < self->n)
        try_volume(self, &self->volumes[self->tried++]);
    follow(self);
    g_mutex_unlock(&self->lock);
    return NULL;
}
