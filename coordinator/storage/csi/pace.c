/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/pace.h"

#include "protocol/clock.h"

/* One that takes long once is not slow, yet. */
#define WEIGHT 0.25

/* While guests are not frozen because of it, nothing may be measured: it is tried again. */
#define KNOWN_FOR LULL_SEC(600)

static gboolean
is_known(const LullCsiPace *self, gint64 now)
{
    return self->took > 0 && now - self->at < KNOWN_FOR;
}

void
lull_csi_pace_note(LullCsiPace *self, const LullCsiPaceSample *sample)
{
    const gboolean known = is_known(self, sample->at);

    if (sample->given_up && known && sample->took <= lull_csi_pace_expect(self, sample->load, sample->at))
        return;
    self->took = known ? self->took + (gint64)((double)(sample->took - self->took) * WEIGHT) : sample->took;
    self->load = known ? self->load + (sample->load - self->load) * WEIGHT : sample->load;
    self->at = sample->at;
}

gint64
lull_csi_pace_expect(const LullCsiPace *self, guint load, gint64 now)
{
    if (!is_known(self, now))
        return 0;
    return load < self->load ? (gint64)((double)self->took * load / self->load) : self->took;
}
