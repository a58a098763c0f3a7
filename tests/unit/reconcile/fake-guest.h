/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"
#include "coordinator/storage/storage.h"
#include "protocol/error.h"

G_BEGIN_DECLS

/* A guest, its host and its storage that exist in memory only: linked in place of the real ones. One of each,
 * reset by fake_reset(); safe from any thread. What happens is written down in a story, a letter each:
 * s targets made, h hold made, p prepared, f frozen, 1 first reading, c cut, 2 second reading, t thawed, r
 * data removed, S sealed; o asked to power off, O started; R a restore begun, D its data in place. */
typedef struct {
    LullVmState state;
    LullVmEnd end;   /* of one that is off */
    const char *tpm; /* why what it holds is not saved; NULL: there is none */
    LullAgentKind agent;
    LullWitnessVerdict witness; /* where both readings are there */
    gboolean gone;              /* the machine */
    gboolean refuse_storage, refuse_hold, refuse_prepare, refuse_freeze, refuse_cut, break_hold;
    gboolean refuse_held_cut;                             /* one that a guest stands still for */
    LullError cut_error;                                  /* that a cut fails with */
    gboolean refuse_witness, refuse_first, refuse_second; /* its making, and its readings */
    gboolean unconfirmed;                                 /* the thaw: it stays frozen */
    const char *leaves;                                   /* why it leaves its place; NULL: it stays */
    gboolean nothing;                                     /* in the guest that could be frozen */
    gboolean separate_cuts;                               /* each volume at an instant of its own */
    gboolean named_by_attempt;                            /* the snapshots of volumes */
    gboolean copies_by_itself;                            /* and what is copied is sealed */
    LullCopyState lose_copy;                              /* RUNNING: it is not lost */
    gint64 hold_budget;                                   /* of the writers; 0: none */
    gint putting;                                         /* a restore's data in place takes long */
    gint copying;                                         /* the copies of what was cut do not end */
    gint polls;                                           /* of how far copies are */
    gint deaf;                                            /* asked to power off it does not */
    gint stuck; /* atomic; 1: the next to be recovered does not answer, and makes it 2, until it is 0 */
    gboolean refuse_start, miss_data, find_data;
    gint asked;                              /* to power off; who asks for it waits for the test to do it */
    guint fail_poll, fail_seal, fail_remove; /* so many times */
    guint fail_shut_down, fail_restore;
    LullError restore_error;   /* that it fails with */
    LullCutForecast forecast;  /* of each cut */
    LullCutTerms terms;        /* of the last cut */
    guint busy_storage;        /* so many times the storage is in use */
    void (*on_busy)(void);     /* called then; may be NULL */
    void (*on_prepared)(void); /* called once the guest is prepared, or is not; may be NULL */
    void (*on_frozen)(void);   /* called once the guest is frozen; may be NULL */
    void (*on_cut)(void);      /* called when it is to be cut; may be NULL */
} Fake;

extern Fake fake;

void fake_reset(void);
void fake_storage_reset(void);   /* part of it */
void fake_storage_restart(void); /* in another life it knows what it is told again */
void fake_note(char letter);
const char *fake_story(void);     /* until the next call; for the thread of the test alone */
const char *fake_recovered(void); /* what was recovered last, by uid or place */
gboolean fake_is_frozen(void);
guint fake_stored(void);     /* attempts and contents whose data is there */
guint fake_introduced(void); /* contents that it knows */
guint fake_sealed(void);     /* contents among them */
gboolean
fake_has_begun(const char *content_uid); /* a restore to put it in place, and is not over; NULL: any */
guint fake_beside(void);                 /* restores whose half done work lies beside the images */
guint fake_overlaps(void);               /* how often two worked on the disks at once */
LullStorage *fake_storage(void);

G_END_DECLS
