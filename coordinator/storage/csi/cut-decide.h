/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/clock.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* How far the cuts of an attempt are, and what follows from it. Pure: facts are read from the objects of
 * others, a verdict is made of facts. */

/* How far one VolumeSnapshot is, each step after those before it. */
typedef enum {
    LULL_CSI_WANTED = 0, /* not posted, or not known to be */
    LULL_CSI_POSTED,     /* the API server has it */
    LULL_CSI_TAKEN,      /* snapshot-controller has made its VolumeSnapshotContent */
    LULL_CSI_BEGUN,      /* the driver's sidecar has called the driver, or is about to */
    LULL_CSI_CUT         /* the driver has cut: the content has its time and its handle */
} LullCsiStep;

typedef struct {
    LullCsiStep step;
    gint64 since;      /* boot clock: when it was first seen there; WANTED: when it was to be posted */
    char *error;       /* the storage's own words, the last ones; NULL: none. No reason to doubt a cut */
    gboolean final;    /* it goes no further: it was refused, or is gone */
    gint64 cut_time;   /* CUT: nanoseconds since 1970 on the storage's clock, for people; 0: not told */
    char *handle;      /* CUT: the storage's name for it */
    char *content_uid; /* of the VolumeSnapshotContent; NULL: not seen */
} LullCsiFacts;
void lull_csi_facts_clear(LullCsiFacts *self);

/* What a VolumeSnapshotContent tells of the VolumeSnapshot @snapshot_uid; one of another is not looked at.
 * @volume: the driver's name for what is to be cut: a content of another volume is no cut. What is known is
 * never taken back. TRUE: something is new. */
gboolean lull_csi_facts_see_content(LullCsiFacts *self, LullJson *content, const char *snapshot_uid,
                                    const char *volume, gint64 now);

/* What the VolumeSnapshot itself tells, which is late but has errors that nothing else has. */
gboolean lull_csi_facts_see_snapshot(LullCsiFacts *self, LullJson *snapshot, gint64 now);

/* So long the API server may take to answer the POSTs, while a guest stands still. */
#define LULL_CSI_POST_MAX LULL_SEC(4)

typedef struct {
    const char *volume;   /* the machine's name */
    const char *snapshot; /* of the VolumeSnapshot */
    const LullCsiFacts *facts;
} LullCsiRow;

typedef struct {
    const LullCsiRow *rows;
    guint n;
    gboolean held; /* a guest stands still meanwhile: nothing is worth waiting for but a cut */
    gboolean cancelled;
    gint64 now, until; /* boot clock; 0: no bound */
} LullCsiCutView;

typedef enum { LULL_CSI_WAIT = 0, LULL_CSI_DONE, LULL_CSI_GIVE_UP } LullCsiVerdict;

/* @ret_again: when to ask again if nothing new is seen, G_MAXINT64: never. GIVE_UP has an error that names
 * the volume, how far it was, and whom it waited for. */
LullCsiVerdict lull_csi_cut_decide(const LullCsiCutView *view, gint64 *ret_again, GError **error);

G_END_DECLS
