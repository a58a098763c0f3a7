/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* The next step of a restore in a cluster, from what is seen. Pure and total; what is seen is lent.
 *
 * First claims of their own are made, from VolumeSnapshots that were looked at all before the first of them;
 * the machine is written when all data are there, but for those that wait for it to start; what it does not
 * have any more goes last, and stays where such data are yet to come. What is there already is not made
 * again, so that it goes on wherever it was left. */

/* In place (restore-swap.h): what there is beside the claim of the final name. */
typedef struct {
    LullJson *aside;        /* the claim of its own name under which the new data are made */
    LullJson *fresh;        /* the PersistentVolume with the new data: noted, else that of @aside */
    LullJson *fresh_record; /* what is noted on that; NULL: nothing */
    LullJson *old;          /* that with the data that are replaced: noted, else that of the claim */
    LullJson *old_record;
    char *user; /* somebody else who uses the claim, as "pod NAME"; NULL: nobody does */
} LullRestoreSwap;

/* One entry of the plan (restore-plan.h). Objects: NULL: not there. */
typedef struct {
    LullJson *entry;
    LullJson *cut;         /* which one was cut (storage/csi/identity.h); NULL: nobody knows */
    LullJson *snapshot;    /* the VolumeSnapshot */
    LullJson *behind;      /* its VolumeSnapshotContent */
    LullJson *claim;       /* of the name that is planned, whoever made it */
    LullJson *volume;      /* the PersistentVolume that it is bound to */
    LullJson *class;       /* the StorageClass that it names, or will */
    LullJson *data_volume; /* that is to have the claim, of the name that is planned */
    const char *said;      /* what its provisioner said last; NULL: nothing */
    LullRestoreSwap swap;
} LullRestoreSight;

typedef struct {
    LullJson *restore, *content;
    LullJson *vm; /* the target, as reconcilers know machines (machine-view.h); NULL: not there */
    const LullRestoreSight *sights;
    guint n;
    gboolean surplus;   /* DataVolumes that are noted to go may still be there */
    gboolean revisions; /* the machine's instance type or preference may be nobody's */
    gboolean in_place;
    gboolean tried; /* claims that are to be made in place would be taken */
} LullRestoreLook;

typedef enum {
    LULL_RESTORE_WORK_WAIT = 0,           /* for what happens by itself, for a while */
    LULL_RESTORE_WORK_STUCK,              /* it may get better, but not soon */
    LULL_RESTORE_WORK_FAIL,               /* it will not */
    LULL_RESTORE_WORK_CREATE,             /* the claim of entry `index` */
    LULL_RESTORE_WORK_CREATE_DATA_VOLUME, /* of entry `index`, which takes its claim */
    LULL_RESTORE_WORK_WRITE_MACHINE,      /* or make it, where it is not there */
    LULL_RESTORE_WORK_ADOPT,              /* the claim of entry `index`, by the machine */
    LULL_RESTORE_WORK_OWN_REVISIONS,
    LULL_RESTORE_WORK_REMOVE_SURPLUS, /* DataVolumes that the machine had */
    LULL_RESTORE_WORK_LEAVE_SURPLUS,  /* not all data are there: they are all that there is */
    /* in place, of entry `index` (restore-swap-decide.h) */
    LULL_RESTORE_WORK_CREATE_ASIDE,
    LULL_RESTORE_WORK_HOLD_FRESH,
    LULL_RESTORE_WORK_HOLD_OLD,
    LULL_RESTORE_WORK_MARK,
    LULL_RESTORE_WORK_MARK_DATA_VOLUME,
    LULL_RESTORE_WORK_REMOVE_ASIDE,
    LULL_RESTORE_WORK_MOVE,
    LULL_RESTORE_WORK_REMOVE_CLAIM,
    LULL_RESTORE_WORK_CREATE_MOVED,
    LULL_RESTORE_WORK_LET_GO,
    LULL_RESTORE_WORK_LEAVE_OLD, /* the new data are yet to come: nobody holds the old ones, and they stay */
    LULL_RESTORE_WORK_TRY,       /* all claims that are to be made, without making them */
    LULL_RESTORE_WORK_DISOWN,    /* the claim that was made: its machine is gone */
    LULL_RESTORE_WORK_MOVE_OLD,
    LULL_RESTORE_WORK_CREATE_OLD, /* the claim that was replaced, with what it had */
    LULL_RESTORE_WORK_GIVE_BACK,
    LULL_RESTORE_WORK_LEAVE_FRESH, /* somebody may have written to it: nobody holds it, and it stays */
    LULL_RESTORE_WORK_UNMARK,
    LULL_RESTORE_WORK_UNMARK_DATA_VOLUME,
    LULL_RESTORE_WORK_REMOVE_DATA_VOLUME,
    LULL_RESTORE_WORK_DONE,
    LULL_RESTORE_WORK_N
} LullRestoreWorkVerb;

typedef struct {
    LullRestoreWorkVerb verb;
    guint index;
    char *words; /* WAIT, STUCK, FAIL: why */
} LullRestoreWorkStep;
static inline void
lull_restore_work_step_clear(LullRestoreWorkStep *self)
{
    g_clear_pointer(&self->words, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullRestoreWorkStep, lull_restore_work_step_clear)

LullRestoreWorkStep lull_restore_work_decide(const LullRestoreLook *look) G_GNUC_WARN_UNUSED_RESULT;

/* Why a restore of that kind is not done at all; NULL: it is. */
char *
lull_restore_work_refusal(LullJson *restore, LullJson *content, LullJson *plan) G_GNUC_WARN_UNUSED_RESULT;

/* Was @volume made for @claim, by @driver ("": nobody knows which)? One that was there before has other data,
 * or none. */
gboolean lull_restore_volume_is_new(LullJson *claim, LullJson *volume, const char *driver);

/* Is it Pending because nobody uses it yet? */
gboolean lull_restore_claim_waits_for_consumer(LullJson *claim, LullJson *class);

const char *lull_restore_work_verb_to_string(LullRestoreWorkVerb verb);

G_END_DECLS
