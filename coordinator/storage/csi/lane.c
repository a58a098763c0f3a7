/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/lane.h"

#include "coordinator/storage/csi/pace.h"
#include "protocol/clock.h"

#define MANY 256 /* lanes: whoever makes classes without end has the later ones not measured */

struct _LullCsiLane {
    char *name;       /* for people */
    gint under_way;   /* atomic: volumes that were asked for, and are waited for */
    LullCsiPace pace; /* under the lock of LullCsi */
};

static void
lane_free(gpointer data)
{
    LullCsiLane *lane = data;

    g_free(lane->name);
    g_free(lane);
}

GHashTable *
lull_csi_lanes_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, lane_free);
}

/* NULL: there are too many. */
static LullCsiLane *
find_lane(LullCsi *csi, const LullCsiPlanned *planned)
{
    const char *class =
        lull_json_string(lull_json_object(planned->object, "spec"), "volumeSnapshotClassName", "");
    g_autofree char *name = g_strdup_printf("%s (class %s)", planned->driver, class);
    LullCsiLane *lane = NULL;

    g_mutex_lock(&csi->lock);
    lane = g_hash_table_lookup(csi->lanes, name);
    if (!lane && g_hash_table_size(csi->lanes) < MANY) {
        lane = g_new0(LullCsiLane, 1);
        lane->name = g_steal_pointer(&name);
        g_hash_table_insert(csi->lanes, lane->name, lane);
    }
    g_mutex_unlock(&csi->lock);
    return lane;
}

static LullCsiRun *
run_of(const LullCsiCut *self, const LullCsiLane *lane)
{
    for (guint i = 0; i < self->runs->len; i++) {
        LullCsiRun *run = &g_array_index(self->runs, LullCsiRun, i);

        if (run->lane == lane)
            return run;
    }
    return NULL;
}

void
lull_csi_cut_find_lanes(LullCsiCut *self)
{
    for (guint i = 0; i < self->n; i++) {
        LullCsiLane *lane = find_lane(self->csi, self->volumes[i].planned);
        LullCsiRun *run = lane ? run_of(self, lane) : NULL;
        const LullCsiRun fresh = {.lane = lane, .n = 1};

        self->volumes[i].lane = lane;
        if (run)
            run->n++;
        else if (lane)
            g_array_append_val(self->runs, fresh);
    }
}

void
lull_csi_forecast(LullCut *cut, LullCutForecast *ret_forecast)
{
    LullCsiCut *self = (LullCsiCut *)cut;
    const gint64 now = lull_clock_boottime();
    const gint64 asking = lull_csi_cut_asking(self);

    if (asking > LULL_CSI_POST_MAX)
        ret_forecast->asking = asking;
    g_mutex_lock(&self->csi->lock);
    for (guint i = 0; i < self->runs->len; i++) {
        const LullCsiRun *run = &g_array_index(self->runs, LullCsiRun, i);
        const guint others = (guint)g_atomic_int_get(&run->lane->under_way);
        const gint64 alone = lull_csi_pace_expect(&run->lane->pace, run->n, now);
        const gint64 behind = lull_csi_pace_expect(&run->lane->pace, run->n + others, now);

        if (alone > ret_forecast->alone) {
            ret_forecast->alone = alone;
            ret_forecast->by = run->lane->name;
        }
        if (behind > ret_forecast->behind) {
            ret_forecast->behind = behind;
            ret_forecast->others = others;
            ret_forecast->behind_by = run->lane->name;
        }
    }
    g_mutex_unlock(&self->csi->lock);
}

void
lull_csi_cut_enter_lanes(LullCsiCut *self, gint64 now)
{
    self->asked = now;
    for (guint i = 0; i < self->runs->len; i++) {
        LullCsiRun *run = &g_array_index(self->runs, LullCsiRun, i);

        run->load = (guint)g_atomic_int_add(&run->lane->under_way, (gint)run->n) + run->n;
    }
    for (guint i = 0; i < self->n; i++)
        self->volumes[i].in_lane = self->volumes[i].lane != NULL;
}

static void
leave_lane(LullCsiVolumeCut *volume)
{
    if (volume->in_lane)
        (void)g_atomic_int_add(&volume->lane->under_way, -1);
    volume->in_lane = FALSE;
}

void
lull_csi_cut_pass_lanes(LullCsiCut *self)
{
    for (guint i = 0; i < self->n; i++)
        if (self->volumes[i].facts.step == LULL_CSI_CUT)
            leave_lane(&self->volumes[i]);
}

void
lull_csi_cut_leave_lanes(LullCsiCut *self, gint64 now)
{
    self->left = now;
    for (guint i = 0; i < self->n; i++)
        leave_lane(&self->volumes[i]);
}

/* FALSE: it says nothing of the time that cuts take. */
static gboolean
measure(const LullCsiCut *self, const LullCsiRun *run, LullCsiPaceSample *ret_sample)
{
    *ret_sample = (LullCsiPaceSample){.load = run->load, .at = self->left};
    for (guint i = 0; i < self->n; i++) {
        const LullCsiFacts *facts = &self->volumes[i].facts;

        if (self->volumes[i].lane != run->lane)
            continue;
        if (facts->error || facts->final) /* it was tried again, or was not to be */
            return FALSE;
        ret_sample->given_up |= facts->step < LULL_CSI_CUT;
        ret_sample->took =
            MAX(ret_sample->took, (facts->step < LULL_CSI_CUT ? self->left : facts->since) - self->asked);
    }
    return ret_sample->took > 0;
}

void
lull_csi_cut_note_pace(LullCsiCut *self)
{
    g_mutex_lock(&self->csi->lock);
    for (guint i = 0; self->asked && i < self->runs->len; i++) {
        const LullCsiRun *run = &g_array_index(self->runs, LullCsiRun, i);
        LullCsiPaceSample sample;

        if (measure(self, run, &sample))
            lull_csi_pace_note(&run->lane->pace, &sample);
    }
    g_mutex_unlock(&self->csi->lock);
}
