/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/pace.h"

#include "protocol/clock.h"

/* While guests are not frozen because of it, nothing may be measured: it is tried again. */
#define KNOWN_FOR LULL_SEC(90)

/* One that takes long is not slow, yet. */
#define ENOUGH 2

/* What one sample says that @load volumes take, at least; 0: it is old, or there is none. */
static gint64
estimate(const LullCsiPaceSample *sample, guint load, gint64 now)
{
    if (!sample->took || now - sample->at >= KNOWN_FOR)
        return 0;
    return load < sample->load ? (gint64)((double)sample->took * load / sample->load) : sample->took;
}

/* Of those that came to an end, or of those that did not, from @floor on. Into @n: how many there are. */
static gint64
least_of(const LullCsiPace *self, gboolean given_up, guint load, gint64 now, gint64 floor, guint *n)
{
    gint64 least = 0;

    for (guint i = 0; i < G_N_ELEMENTS(self->last); i++) {
        const gint64 takes = estimate(&self->last[i], load, now);

        if (!takes || !self->last[i].given_up != !given_up || takes < floor)
            continue;
        least = least ? MIN(least, takes) : takes;
        *n += 1;
    }
    return least;
}

/* Those that were given up earlier than any other took say nothing. */
static gint64
least(const LullCsiPace *self, guint load, gint64 now, guint *ret_n)
{
    guint n = 0;
    const gint64 ended = least_of(self, FALSE, load, now, 0, &n);
    const gint64 given_up = least_of(self, TRUE, load, now, ended, &n);

    *ret_n = n;
    return ended ? ended : given_up;
}

void
lull_csi_pace_note(LullCsiPace *self, const LullCsiPaceSample *sample)
{
    guint n = 0;

    if (sample->given_up && sample->took <= least_of(self, FALSE, sample->load, sample->at, 0, &n))
        return;
    self->last[self->next] = *sample;
    self->next = (self->next + 1) % G_N_ELEMENTS(self->last);
}

gint64
lull_csi_pace_expect(const LullCsiPace *self, guint load, gint64 now)
{
    guint n = 0;
    const gint64 takes = least(self, load, now, &n);

    return n >= ENOUGH ? takes : 0;
}
