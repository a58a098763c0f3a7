/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/csi/cut.h"

G_BEGIN_DECLS

/* What cuts by one class of one driver have in common: a lane, that all of them take. It is there as long as
 * the storage. Of what other nodes cut nothing is known but that it makes one's own cuts take longer. */

/* Before a cut: which lanes its volumes take. */
void lull_csi_cut_find_lanes(LullCsiCut *self);

/* All is asked for now (boot clock); what is cut by now is in nobody's way any more; the rest is waited for
 * no longer. With the cut's lock, and no other is taken: a guest may be frozen. */
void lull_csi_cut_enter_lanes(LullCsiCut *self, gint64 now);
void lull_csi_cut_pass_lanes(LullCsiCut *self);
void lull_csi_cut_leave_lanes(LullCsiCut *self, gint64 now);

/* After the cut, when nobody is frozen any more: what it took. */
void lull_csi_cut_note_pace(LullCsiCut *self);

GHashTable *lull_csi_lanes_new(void) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
