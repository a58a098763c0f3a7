/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How long a storage takes to cut, from what the last cuts by it took. Pure.
 *
 * What is expected is the least that any of them took, and never more than that: a driver may cut many
 * volumes at once or one after the other, one that is slow now and then is not, and nobody is refused by a
 * guess. */

typedef struct {
    gint64 took;       /* usec from asking for them until the last one was known; more than 0 */
    guint load;        /* volumes that were asked for, or under way before; at least 1 */
    gint64 at;         /* boot clock */
    gboolean given_up; /* it would have taken longer: counts where that is news */
} LullCsiPaceSample;

typedef struct {
    LullCsiPaceSample last[3]; /* took 0: there is none */
    guint next;                /* of them is overwritten */
} LullCsiPace;

void lull_csi_pace_note(LullCsiPace *self, const LullCsiPaceSample *sample);

/* usec that @load volumes take at least, by what is known at @now; 0: that is too little, or old. */
gint64 lull_csi_pace_expect(const LullCsiPace *self, guint load, gint64 now) G_GNUC_PURE;

G_END_DECLS
