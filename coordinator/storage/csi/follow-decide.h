/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* What becomes of VolumeSnapshots after the cut, as they tell it themselves. Pure. */
typedef struct {
    char *name;
    gboolean there; /* and not on its way out */
    gboolean ready;
    char *error; /* the storage's own words; NULL: none */
} LullCsiFollowed;
void lull_csi_followed_clear(LullCsiFollowed *self);

/* @snapshot NULL: it is gone. TRUE: something is new. */
gboolean lull_csi_followed_see(LullCsiFollowed *self, LullJson *snapshot);

typedef enum { LULL_CSI_READY = 0, LULL_CSI_UNREADY, LULL_CSI_MISSING } LullCsiState;

/* Of all together. *@ret_problem, new: MISSING: which, in the reference's words; UNREADY: the first error,
 * NULL: none. @ret_permille: how many are ready. */
LullCsiState
lull_csi_follow_decide(const LullCsiFollowed *rows, guint n, guint *ret_permille, char **ret_problem);

G_END_DECLS
