/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/cut-decide.h"

#include "coordinator/model/meta.h"
#include "protocol/error.h"

#define BEING_CREATED "snapshot.storage.kubernetes.io/volumesnapshot-being-created"

/* Whoever has to act next does so within milliseconds, or has others to serve first: at their usual limits a
 * volume takes about a second of that. Who is not there at all is not waited for while a guest stands still.
 */
#define IDLE_MAX        LULL_SEC(2)
#define IDLE_PER_VOLUME LULL_SEC(1)

void
lull_csi_facts_clear(LullCsiFacts *self)
{
    g_clear_pointer(&self->error, g_free);
    g_clear_pointer(&self->handle, g_free);
    g_clear_pointer(&self->content_uid, g_free);
}

static gboolean
advance(LullCsiFacts *self, LullCsiStep step, gint64 now)
{
    if (step <= self->step)
        return FALSE;
    self->step = step;
    self->since = now;
    return TRUE;
}

/* What is wrong with an object of CSI's, as it says itself. */
static gboolean
see_error(LullCsiFacts *self, LullJson *object)
{
    const char *message = lull_json_string(lull_json_at(object, "status", "error", NULL), "message", NULL);

    if (!message || g_strcmp0(message, self->error) == 0)
        return FALSE;
    g_free(self->error);
    self->error = g_strdup(message);
    return TRUE;
}

static const char *
source_of(LullJson *content)
{
    return lull_json_string(lull_json_at(content, "spec", "source", NULL), "volumeHandle", "");
}

static gboolean
is_of_another(LullJson *content, const char *volume)
{
    return !g_str_equal(source_of(content), volume);
}

static gboolean
set_of_another(LullCsiFacts *self, LullJson *content, const char *volume)
{
    if (self->final)
        return FALSE;
    g_free(self->error);
    self->error =
        g_strdup_printf("it is cut of volume %s, and not of %s, which the claim was on: take another "
                        "snapshot",
                        source_of(content), volume);
    self->final = TRUE;
    return TRUE;
}

gboolean
lull_csi_facts_see_content(LullCsiFacts *self, LullJson *content, const char *snapshot_uid,
                           const char *volume, gint64 now)
{
    LullJson *status = lull_json_object(content, "status");
    const char *of = lull_json_string(lull_json_at(content, "spec", "volumeSnapshotRef", NULL), "uid", "");
    const char *handle = lull_json_string(status, "snapshotHandle", "");
    const gint64 time = lull_json_int(status, "creationTime", 0);
    gboolean news = FALSE;

    if (!g_str_equal(of, snapshot_uid))
        return FALSE;
    if (self->step < LULL_CSI_CUT && is_of_another(content, volume))
        return set_of_another(self, content, volume);
    if (!self->content_uid)
        self->content_uid = g_strdup(lull_meta_uid(content));
    news = see_error(self, content);
    if (time > 0 && *handle) {
        news |= advance(self, LULL_CSI_CUT, now);
        if (!self->handle) {
            self->handle = g_strdup(handle);
            self->cut_time = time;
        }
        return news;
    }
    return advance(self, lull_meta_annotation(content, BEING_CREATED) ? LULL_CSI_BEGUN : LULL_CSI_TAKEN,
                   now) ||
           news;
}

gboolean
lull_csi_facts_see_snapshot(LullCsiFacts *self, LullJson *snapshot, gint64 now)
{
    gboolean news = see_error(self, snapshot);

    if (lull_meta_is_deleting(snapshot) && self->step < LULL_CSI_CUT && !self->final) {
        self->final = news = TRUE;
        if (!self->error)
            self->error = g_strdup("somebody has deleted it");
    }
    return advance(self, LULL_CSI_POSTED, now) || news;
}

static const char *
whom(LullCsiStep step)
{
    static const char *const waits[] = {
        [LULL_CSI_WANTED] = "the API server has not answered that it has it",
        [LULL_CSI_POSTED] = "snapshot-controller has not made its content: does it run, and is it busy?",
        [LULL_CSI_TAKEN] = "the driver's snapshotter has not begun: does it run, and is it busy?",
        [LULL_CSI_BEGUN] = "the driver has not cut yet",
        [LULL_CSI_CUT] = "it is cut",
    };

    return waits[step];
}

static void
give_up(const LullCsiRow *row, LullError code, const char *why, GError **error)
{
    const LullCsiFacts *facts = row->facts;

    if (facts->error)
        g_set_error(error, LULL_ERROR, code, "volume %s: VolumeSnapshot %s error: %s%s%s%s", row->volume,
                    row->snapshot, facts->error, *why ? " (" : "", why, *why ? ")" : "");
    else
        g_set_error(error, LULL_ERROR, code, "volume %s: VolumeSnapshot %s: %s: %s", row->volume,
                    row->snapshot, why, whom(facts->step));
}

/* When somebody who does nothing is not waited for any longer. */
static gint64
idle_end(const LullCsiCutView *view, const LullCsiFacts *facts)
{
    if (!view->held || facts->step > LULL_CSI_TAKEN)
        return G_MAXINT64;
    if (facts->step == LULL_CSI_WANTED)
        return facts->since + LULL_CSI_POST_MAX;
    return facts->since + IDLE_MAX + IDLE_PER_VOLUME * view->n;
}

LullCsiVerdict
lull_csi_cut_decide(const LullCsiCutView *view, gint64 *ret_again, GError **error)
{
    const LullCsiRow *slowest = NULL;

    *ret_again = view->until ? view->until : G_MAXINT64;
    for (guint i = 0; i < view->n; i++) {
        const LullCsiRow *row = &view->rows[i];

        if (row->facts->step == LULL_CSI_CUT)
            continue;
        if (!slowest || row->facts->step < slowest->facts->step)
            slowest = row;
        /* without a guest that waits, what goes wrong is tried again by who does it */
        if (row->facts->final || (row->facts->error && view->held)) {
            give_up(row, LULL_ERROR_FAILED, "", error);
            return LULL_CSI_GIVE_UP;
        }
        if (view->now >= idle_end(view, row->facts)) {
            give_up(row, LULL_ERROR_TIMED_OUT, "nobody acts on it", error);
            return LULL_CSI_GIVE_UP;
        }
        *ret_again = MIN(*ret_again, idle_end(view, row->facts));
    }
    if (!slowest)
        return LULL_CSI_DONE;
    if (view->cancelled) {
        give_up(slowest, LULL_ERROR_FAILED, "cancelled", error);
        return LULL_CSI_GIVE_UP;
    }
    if (view->until && view->now >= view->until) {
        give_up(slowest, LULL_ERROR_TIMED_OUT, "not cut in time", error);
        return LULL_CSI_GIVE_UP;
    }
    return LULL_CSI_WAIT;
}
