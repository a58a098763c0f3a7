/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/model/kind.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* A store whose claims and volumes go on as a cluster's do: claims are bound, by name too, and a volume whose
 * claim is gone goes with it, unless it is retained; what belongs to what is gone goes, too. The handle of a
 * volume says what is on it: "old-root", or the VolumeSnapshot that it was made of, "vs-root". */

#define NS      "shop"
#define DRIVER  "csi.example"
#define RECLAIM "persistentVolumeReclaimPolicy"

typedef struct {
    LullStore base;
    LullStore *inner;
    gboolean late;         /* WaitForFirstConsumer */
    gboolean terminating;  /* the name space */
    gboolean makes_again;  /* somebody makes claims again that are gone */
    gboolean starts;       /* the machine is started once the first volume is held */
    guint calls, dies_at;  /* from that call on nothing is answered; 0: never */
    gboolean by_write;     /* of calls only writes count: between two of them all is the same */
    gboolean does_it;      /* the call that it dies at is still done */
    guint writes, removed; /* claims: of the machine's */
    gboolean lingers;      /* claims that are removed are there until swap_end_lingering() */
    gboolean puts_off;     /* the first removal of the machine's claims is done by swap_do_late() only */
    char *late_name, *late_uid;
    const char *refused;   /* names of claims that nobody can make any more end so; NULL: none */
    gboolean refused_late; /* which is seen only when one is made */
    guint tried;           /* claims, without making them */
    gboolean between;      /* as the last drop told */
    gboolean free;         /* somebody else has the claims: what is on them is no matter */
} Played;

extern Played played; /* with `inner`, which is what there is, past what is played */
extern const LullStoreOps played_ops;
LullJson *played_try(LullStore *trial, const LullKind *kind, LullJson *object, GError **error);

LullJson *swap_get(const LullKind *kind, const char *name);
LullJson *swap_list(const LullKind *kind);
void swap_put(const LullKind *kind, const char *text);
void swap_patch(const LullKind *kind, const char *name, LullPatchTarget target, const char *text);

/* What the controller of volumes and a provisioner do: all of it; one volume, with those data; one claim. */
void swap_settle(void);
void swap_put_volume(const char *name, const char *data, LullJson *claim);
void swap_bind(LullJson *claim, const char *volume);

void swap_end_lingering(void);

/* What was put off is done. FALSE: it was for something else by then. */
gboolean swap_do_late(void);

/* Of a claim; "": none. */
const char *swap_volume_name(LullJson *claim);

G_END_DECLS
