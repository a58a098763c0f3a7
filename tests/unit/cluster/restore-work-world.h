/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work.h"
#include "coordinator/model/kind.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Restores on a store whose storage does what a test says: of a snapshot of the machine "larry" with the
 * volumes "root" and "data", on claims NAME-claim, as VolumeSnapshots vs-NAME. Cases are those of
 * docs/compatibility.md. */

#define NS     "shop"
#define DRIVER "csi.example"

/* What claims are given. */
typedef enum { AT_ONCE = 0, LATE, NEVER, OLD_VOLUME, CONSUMED } Provision;

typedef struct {
    LullStore base;
    LullStore *inner;
    Provision provision;
    gboolean drops_source;    /* of what claims are to be made */
    const char *said;         /* what the provisioner says; NULL: nothing */
    const char *instance;     /* that runs; NULL: none */
    guint calls, dies_at;     /* from that call on nothing is answered; 0: never */
    gboolean does_it;         /* the call that it dies at is still done */
    gboolean loses_snapshots; /* when the claim of them is made */
    gboolean hides_vm;        /* that it has a machine of the name, and nobody finds it */
    gboolean fresh;           /* it is told that nobody can have begun */
    guint deaf;               /* so many watches are refused */
    gboolean starts_it;       /* somebody does, once both claims are made: its instance says so first */
    gboolean runs;
    guint writes;
    guint together; /* so many VolumeSnapshots are asked for at once; 0: nobody cares */
    guint together_now;
    GMainContext *watched; /* on which claims are heard of; NULL: not yet */
    GHashTable *asked;     /* how often a kind was read; see work_asked() */
} Played;

/* Of @played. */
extern const LullStoreOps work_store_ops;

extern Played played;
extern LullJson *restore, *content; /* as work_make_objects() makes them */

void work_set_up(void);
void work_tear_down(void);

#define VOLUME_OF(name) "{'name':'" name "','persistentVolumeClaim':{'claimName':'" name "-claim'}}"

/* The machine, off and locked, with @volumes, as JSON with ' for ". */
void work_put_vm(const char *volumes);

/* @more: further members of the restore's spec. The restore is planned. */
void work_make_objects(const char *target, const char *more);

/* The second volume is of a DataVolume of a template, as the machine was, and is. */
void work_use_template(void);

gboolean work_run(GError **error);

/* What is in the store, past what is played. */
LullJson *work_put(const LullKind *kind, const char *text);
void
work_patch(const LullKind *kind, const char *ns, const char *name, LullPatchTarget target, const char *text);
LullJson *work_get(const LullKind *kind, const char *name);
guint work_count(const LullKind *kind);
guint work_asked(const LullKind *kind); /* how many reads there were of that kind: each a get or a list */
const char *work_claim_of(LullJson *vm, guint volume);

/* The machine of the cut, on claims that belong to it, and nothing of it twice. */
void work_check_restored(const char *target);

G_END_DECLS
