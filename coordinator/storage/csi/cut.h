/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/csi/cut-decide.h"
#include "coordinator/storage/csi/private.h"

G_BEGIN_DECLS

/* A cut by CSI: threads that are there before it, each with a connection that was used before it, post one
 * VolumeSnapshot each; whoever has posted follows what becomes of it. Watches tell at once, where all is
 * well; GETs beside them find what a watch misses that hangs or is being made anew. */

typedef struct _LullCsiLane LullCsiLane;

/* The volumes of a cut that take the same lane (lane.h). */
typedef struct {
    LullCsiLane *lane;
    guint n;    /* all of them */
    guint load; /* with those that were asked for before, by others too */
} LullCsiRun;

typedef struct {
    LullCsiPlanned *planned; /* lent by the plan */
    LullCsiLane *lane;       /* NULL: nothing is measured */
    gboolean in_lane;        /* asked for, and not known to be cut; of who cuts */
    char *uid;               /* of the VolumeSnapshot; NULL: not known to be there */
    LullCsiFacts facts;
    gint64 look_at;   /* when its content is to be read next, or it is to be posted */
    gboolean busy;    /* somebody posts or reads it */
    gboolean doubted; /* a POST of ours got no answer: it may be there; of who has it busy */
    LullWatch *watch; /* of its content; of the watches' thread */
} LullCsiVolumeCut;

typedef struct {
    LullCut base;
    LullCsi *csi;
    LullCsiContent *content;
    guint attempt;
    GArray *plan; /* of LullCsiPlanned */
    GPtrArray *workers;
    LullWatch *watch; /* of the VolumeSnapshots; of the watches' thread */
    LullJson *rows;   /* for reports; NULL: not asked for yet */
    GArray *runs;     /* of LullCsiRun */
    gint64 asked;     /* boot clock: when all was asked for; 0: not yet */
    gint64 left;      /* when it was waited for no longer */
    GMutex lock;
    GCond changed;
    /* under it: */
    LullCsiVolumeCut *volumes;
    guint n;
    guint tried;     /* volumes that somebody has taken for a dry run */
    guint judged;    /* whose dry run is over */
    GError *refusal; /* of a dry run */
    gint64 slowest;  /* dry run */
    gboolean go;     /* post */
    gboolean over;   /* nothing more is to be posted, or read */
    gboolean good;   /* all were cut in time; of who cuts */
} LullCsiCut;

/* With the lock, which is given up until something changes, or that time (boot clock) comes. */
void lull_csi_cut_wait(LullCsiCut *self, gint64 until);

/* How long the POSTs of one that is prepared would take, usec: as long as its slowest dry run each. */
gint64 lull_csi_cut_asking(LullCsiCut *self);

/* A thread's function: dry runs, then POSTs, then looks, until it is over. */
gpointer lull_csi_cut_work(gpointer cut);

/* Watches the VolumeSnapshots, also before they are there; the content of one that is, with the lock; ends
 * all of it, once nobody works any more. */
void lull_csi_cut_watch(LullCsiCut *self);
void lull_csi_cut_watch_content(LullCsiCut *self, LullCsiVolumeCut *volume);
void lull_csi_cut_unwatch(LullCsiCut *self);

G_END_DECLS
