/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/content-effects.h"
#include "coordinator/reconcile/restore-effects.h"
#include "coordinator/reconcile/restore-host.h"
#include "coordinator/reconcile/snapshot-effects.h"
#include "coordinator/store/recent.h"
#include "tests/unit/reconcile/fake-guest.h"

G_BEGIN_DECLS

/* The reconcilers over a real store in a simulated world: passes come in any order, too often or late; the
 * store fails before or after it has done what was asked; the coordinator dies and comes back. One machine,
 * "larry", with two disks. */

/* How many lives there are, and how many of a life's calls are left out, WORLD_SEEDS and WORLD_STRIDE, is the
 * build's to say. */
#define WORLD_MANY 4 /* snapshots, and restores, at most */

/* A store in front of another one that loses one call in `rate`, and the one that makes `countdown` zero. */
typedef struct {
    LullStore store;
    LullStore *inner;
    GRand *dice;
    gint rate;      /* 0: none */
    gint countdown; /* of calls and their answers; 0: none, or it is over */
    gboolean reads; /* are counted as well: one that is lost is a pass that comes later */
} WorldStore;

typedef struct _World World;
struct _World {
    char *dir;
    WorldStore flaky;
    LullIntents *intents;
    LullClaims *claims;
    LullJobs *jobs;
    LullRecorder *recorder;
    LullSnapshots snapshots;
    LullContents contents;
    LullRestoreHost place;
    LullRestores restores;
    GRand *dice;
    const char *snapshot_names[WORLD_MANY], *restore_names[WORLD_MANY];
    char *restore_uids[WORLD_MANY];
    gboolean runs;    /* the machine, as its object says */
    gboolean sparing; /* see world_spare(); then there are: */
    LullStore *recent;
    GMainContext *context;
    LullWatch *watches[3];

    /* Around each pass, where they are set: what a test does to it, and sees of it. @error: NULL: it went
     * well. */
    void (*before)(World *world, const LullKind *kind, const char *name);
    void (*after)(World *world, const LullKind *kind, const char *name, const GError *error);
};

void world_init(World *world, guint32 seed); /* resets the fakes */

/* The same, with a snapshot, "snap", that can be gone back to. */
void world_init_with_snapshot(World *world, guint32 seed, gboolean runs);
void world_clear(World *world);

/* The coordinator dies and comes back: nothing of the life before is left but store and files. */
void world_restart(World *world);

/* From now on each request is one to a server that others need, too. */
void world_spare(World *world);

/* Where intents are written; gone, none can be. */
char *world_intents_dir(const World *world) G_GNUC_WARN_UNUSED_RESULT;

/* What users do. @annotations and @spec: further members, as JSON with ' for ". */
void world_take(World *world, const char *name, const char *annotations, const char *spec);
void world_restore(World *world, const char *name, const char *snapshot, const char *spec);
void world_delete(World *world, const LullKind *kind, const char *name);
void world_set_power(World *world, gboolean runs);
void world_define(World *world); /* the machine, anew: with another uid, running */
/* The same, with these volumes, and what is said of each, as JSON with ' for ". */
void world_define_with(World *world, const char *volumes, const char *statuses);
void world_undefine(World *world); /* it is gone */
void world_empty_status(World *world, const LullKind *kind, const char *name);
void world_lock(World *world, const char *field, const char *owner); /* the machine: status.@field */

/* One pass of whoever comes by; what holds always is looked at. TRUE: something was written, or was to be. */
gboolean world_pass(World *world);

/* Passes until @is_over; now and then the coordinator dies, @max_deaths times at most. */
void world_live(World *world, gboolean (*is_over)(World *world), guint max_deaths);

LullJson *world_get(World *world, const LullKind *kind, const char *name); /* NULL: not there */
LullJson *world_content(World *world);                                     /* the one there is, or NULL */
const char *world_phase(World *world, const char *name);                   /* of a snapshot */
gboolean world_is_complete(World *world, const char *name);                /* a restore */
gboolean world_is_locked(World *world);
gboolean
world_all_settled(World *world);       /* snapshots and restores, well or not, and nobody holds the machine */
gboolean world_all_gone(World *world); /* and all contents */

/* No lock, no frozen guest, no intent, no data, nothing beside the images, no restore's job. */
void world_check_nothing_left(World *world);
guint world_count(char letter); /* in the story so far */

/* A suite's stores sync to memory where there is some. */
void world_use_memory(void);

G_END_DECLS
