/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How long a storage takes to cut, from what cuts by it took. Pure.
 *
 * What is expected is never more than what was measured: a driver may cut many volumes at once or one after
 * the other, and nobody is refused by a guess. */

typedef struct {
    gint64 took; /* usec from asking for them until the last one was known, a moving average; 0: not known */
    double load; /* volumes that were asked for, or under way before, averaged likewise */
    gint64 at;   /* boot clock: the last of it */
} LullCsiPace;

typedef struct {
    gint64 took;       /* usec; more than 0 */
    guint load;        /* volumes; at least 1 */
    gint64 at;         /* boot clock */
    gboolean given_up; /* it would have taken longer: counts where that is news */
} LullCsiPaceSample;

void lull_csi_pace_note(LullCsiPace *self, const LullCsiPaceSample *sample);

/* usec that @load volumes take at least, by what is known at @now; 0: nothing is, or it is old. */
gint64 lull_csi_pace_expect(const LullCsiPace *self, guint load, gint64 now) G_GNUC_PURE;

G_END_DECLS
