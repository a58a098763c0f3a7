/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/cut.h"

#include "coordinator/storage/csi/identity.h"
#include "coordinator/storage/csi/lane.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define MAX_WORKERS 8 /* as many connections are kept */

/* The content promises its volumes: one that is left out would be called saved, and is not. */
static gboolean
check_machine(const LullCsiContent *content, const LullVm *vm, GError **error)
{
    for (guint i = 0; vm && i < content->backups->len; i++) {
        const LullCsiBackup *backup = content->backups->pdata[i];

        for (guint k = 0; k < vm->volumes->len; k++) {
            const LullVmVolume *volume = vm->volumes->pdata[k];

            if (!volume->excluded || !g_str_equal(volume->name, backup->volume))
                continue;
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "volume %s cannot be saved any more: %s",
                        backup->volume, volume->excluded);
            return FALSE;
        }
    }
    return TRUE;
}

gint64
lull_csi_cut_asking(LullCsiCut *self)
{
    gint64 usec;

    g_mutex_lock(&self->lock);
    usec = self->slowest * ((self->n + MAX_WORKERS - 1) / MAX_WORKERS);
    g_mutex_unlock(&self->lock);
    return usec;
}

static gboolean
try_all(LullCsiCut *self, GError **error)
{
    gboolean good = FALSE;

    g_mutex_lock(&self->lock);
    while (self->judged < self->n && !self->refusal)
        g_cond_wait(&self->changed, &self->lock);
    if (self->refusal)
        g_propagate_error(error, g_error_copy(self->refusal));
    else
        good = TRUE;
    g_mutex_unlock(&self->lock);
    return good;
}

LullCut *
lull_csi_prepare(LullStorage *storage, const LullVm *vm, const char *content_uid, guint attempt,
                 GError **error)
{
    LullCsi *csi = (LullCsi *)storage;
    g_autoptr(LullCsiContent) content = lull_csi_find(csi, content_uid, NULL, error);
    GArray *plan = NULL;
    LullCsiCut *self = NULL;

    if (content && check_machine(content, vm, error))
        plan = lull_csi_plan(csi, content, attempt, error);
    if (!plan)
        return NULL;
    self = g_new0(LullCsiCut, 1);
    self->base.storage = storage;
    self->csi = csi;
    self->content = g_steal_pointer(&content);
    self->attempt = attempt;
    self->plan = plan;
    self->n = plan->len;
    self->volumes = g_new0(LullCsiVolumeCut, MAX(plan->len, 1));
    self->workers = g_ptr_array_new();
    self->runs = g_array_new(FALSE, FALSE, sizeof(LullCsiRun));
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    for (guint i = 0; i < self->n; i++)
        self->volumes[i].planned = &g_array_index(plan, LullCsiPlanned, i);
    lull_csi_cut_find_lanes(self);
    lull_csi_cut_watch(self);
    for (guint i = 0; i < MIN(self->n, MAX_WORKERS); i++)
        g_ptr_array_add(self->workers, g_thread_new("csi-cut", lull_csi_cut_work, self));
    if (try_all(self, error))
        return &self->base;
    lull_csi_cut_free(&self->base);
    return NULL;
}

static void
on_cancelled(GCancellable *cancel, gpointer user_data)
{
    LullCsiCut *self = user_data;

    g_mutex_lock(&self->lock);
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
}

/* With the lock, which is given up while it waits. */
static gboolean
wait_for_cuts(LullCsiCut *self, const LullCutTerms *terms, LullCsiRow *rows, GError **error)
{
    LullCsiCutView view = {.rows = rows, .n = self->n, .held = terms->held, .until = terms->until};
    LullCsiVerdict verdict;
    gint64 again = 0;

    for (;;) {
        lull_csi_cut_pass_lanes(self);
        view.now = lull_clock_boottime();
        view.cancelled = g_cancellable_is_cancelled(terms->cancel);
        verdict = lull_csi_cut_decide(&view, &again, error);
        if (verdict != LULL_CSI_WAIT)
            return verdict == LULL_CSI_DONE;
        lull_csi_cut_wait(self, again);
    }
}

/* With the lock. */
static void
post_all(LullCsiCut *self)
{
    const gint64 now = lull_clock_boottime();

    for (guint i = 0; i < self->n; i++)
        if (self->volumes[i].facts.step == LULL_CSI_WANTED)
            self->volumes[i].facts.since = now;
    lull_csi_cut_enter_lanes(self, now);
    self->go = TRUE;
    g_cond_broadcast(&self->changed);
}

static LullJson *
identity_of(const LullCsiVolumeCut *volume)
{
    return lull_csi_identity_new(volume->uid, volume->facts.content_uid, volume->planned->driver,
                                 volume->facts.handle);
}

gboolean
lull_csi_cut(LullCut *cut, const LullCutTerms *terms, GError **error)
{
    LullCsiCut *self = (LullCsiCut *)cut;
    g_autofree LullCsiRow *rows = g_new0(LullCsiRow, MAX(self->n, 1));
    gulong handler = 0;
    gboolean good;

    for (guint i = 0; i < self->n; i++)
        rows[i] = (LullCsiRow){self->volumes[i].planned->backup->volume, self->volumes[i].planned->snapshot,
                               &self->volumes[i].facts};
    if (terms->cancel)
        handler = g_cancellable_connect(terms->cancel, G_CALLBACK(on_cancelled), self, NULL);
    g_mutex_lock(&self->lock);
    post_all(self);
    good = wait_for_cuts(self, terms, rows, error);
    lull_csi_cut_leave_lanes(self, lull_clock_boottime());
    self->over = TRUE;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
    if (terms->cancel)
        g_cancellable_disconnect(terms->cancel, handler);
    self->good = good;
    return good;
}

LullJson *
lull_csi_cut_volumes(LullCut *cut)
{
    LullCsiCut *self = (LullCsiCut *)cut;

    if (self->rows)
        return self->rows;
    self->rows = json_object_new_array();
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->n; i++) {
        const LullCsiVolumeCut *volume = &self->volumes[i];
        g_autofree char *when = lull_clock_format(volume->facts.cut_time / 1000);
        LullJson *row = NULL;

        if (volume->facts.step != LULL_CSI_CUT)
            continue;
        row = json_object_new_object();
        lull_json_set_string(row, "name", volume->planned->backup->volume);
        lull_json_set_string(row, "storageTime", when);
        lull_json_set_int(row, "receivedAt", volume->facts.since);
        lull_json_take(row, "identity", identity_of(volume));
        json_object_array_add(self->rows, row);
    }
    g_mutex_unlock(&self->lock);
    return self->rows;
}

/* After the cut, when nobody is frozen any more: others look under that lock. */
static void
note_cuts(LullCsiCut *self)
{
    LullJson *cuts = json_object_new_object();

    for (guint i = 0; i < self->n; i++)
        lull_json_take(cuts, self->volumes[i].planned->backup->volume, identity_of(&self->volumes[i]));
    lull_csi_note_cuts(self->csi, self->content->uid, self->attempt, cuts);
}

void
lull_csi_cut_free(LullCut *cut)
{
    LullCsiCut *self = (LullCsiCut *)cut;

    g_mutex_lock(&self->lock);
    self->over = TRUE;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
    for (guint i = 0; i < self->workers->len; i++)
        g_thread_join(self->workers->pdata[i]);
    lull_csi_cut_unwatch(self);
    if (self->good)
        note_cuts(self);
    lull_csi_cut_note_pace(self);
    for (guint i = 0; i < self->n; i++) {
        g_free(self->volumes[i].uid);
        lull_csi_facts_clear(&self->volumes[i].facts);
    }
    g_free(self->volumes);
    g_array_unref(self->plan);
    g_ptr_array_unref(self->workers);
    g_array_unref(self->runs);
    lull_csi_content_unref(self->content);
    lull_json_put(self->rows);
    g_clear_error(&self->refusal);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self);
}
