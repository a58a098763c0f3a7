/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/csi/names.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* What becomes of VolumeSnapshots after the cut, as they tell it themselves. Pure. */
typedef struct {
    char *name;
    LullJson *identity; /* see identity.h; owned */
    gboolean there;     /* the very one, and not on its way out */
    gboolean ready;
    char *error; /* the storage's own words; NULL: none */
} LullCsiFollowed;
void lull_csi_followed_clear(LullCsiFollowed *self);

/* Rows for an attempt of @content, in its order; @cuts: identities by volumes' names, NULL: none is known. */
GArray *
lull_csi_followed_new(const LullCsiContent *content, guint attempt, LullJson *cuts) G_GNUC_WARN_UNUSED_RESULT;

/* @snapshot NULL: it is gone. TRUE: something is new. */
gboolean lull_csi_followed_see(LullCsiFollowed *self, LullJson *snapshot);

typedef enum { LULL_CSI_READY = 0, LULL_CSI_UNREADY, LULL_CSI_MISSING } LullCsiState;

/* Of all together. *@ret_problem, new: MISSING: which, in the reference's words; UNREADY: the first error,
 * NULL: none. @ret_permille: how many are ready. */
LullCsiState
lull_csi_follow_decide(const LullCsiFollowed *rows, guint n, guint *ret_permille, char **ret_problem);

G_END_DECLS
