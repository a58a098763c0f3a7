/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/content-state.h"
#include "coordinator/reconcile/grant.h"

G_BEGIN_DECLS

/* What the leader knows of one content's grant. Times are of its boot clock. */
typedef struct {
    gint64 now;
    gboolean exists;
    gboolean deleting;
    gboolean wanted; /* its snapshot still waits for it */
    LullContentStage stage;
    guint number;        /* of the last attempt begun; 0: none */
    guint granted;       /* the attempt that is granted; 0: none */
    guint last;          /* that ever was; 0: none */
    gboolean ours;       /* that in this term */
    gboolean misplaced;  /* that to a node where the machine is not */
    gboolean placed;     /* there is a node for the machine now */
    gboolean orphaned;   /* the node that sees to it is no more, or not ready */
    gint64 lost_at;      /* since when that is not ready, and may be again; 0: it is no more */
    gint64 granted_at;   /* when this leader saw the grant first */
    gint64 valid_for;    /* of the grant */
    gint64 begun_at;     /* when this leader saw first that attempt `number` has begun */
    gboolean unquiesced; /* that one holds no guest */
    gint64 deadline;     /* of the snapshot; 0: none */
    gint64 retry_at;     /* when the next attempt may begin; 0: now */
} LullGrantView;

typedef enum {
    LULL_GRANT_WAIT = 0,
    LULL_GRANT_GIVE,  /* the next number, to the node where the machine is: whatever was granted is void */
    LULL_GRANT_ADOPT, /* nothing is granted, and what there is to see to is ours */
    LULL_GRANT_N
} LullGrantVerb;

typedef struct {
    LullGrantVerb verb;
    const char *reason;
    gint64 again_at; /* boot clock; 0: only when something changes */
} LullGrantStep;

LullGrantStep lull_grant_decide(const LullGrantView *view) G_GNUC_PURE G_GNUC_WARN_UNUSED_RESULT;

/* Whether the node that the next grant is for had its time with the one before, from this leader. */
gboolean lull_grant_is_again(const LullGrantView *view) G_GNUC_PURE;

/* The number that the next grant has: neither begun nor granted before. */
guint lull_grant_next(const LullGrantView *view) G_GNUC_PURE;

const char *lull_grant_verb_to_string(LullGrantVerb verb);

/* What a node may do with a content's attempts. */
typedef enum {
    LULL_CHARGE_FULL = 0, /* begin the attempt that is granted, see to what was begun */
    LULL_CHARGE_CARE,     /* begin nothing */
    LULL_CHARGE_NONE      /* all of it is another node's */
} LullCharge;

typedef struct {
    gboolean named;   /* the grant names this node */
    gboolean good;    /* and may be claimed: see LullGrantBook */
    guint granted;    /* 0: no grant */
    guint number;     /* of the last attempt begun */
    gboolean labeled; /* the content's label names this node */
} LullChargeFacts;

LullCharge lull_charge_of(const LullChargeFacts *facts) G_GNUC_PURE;

/* Whether another attempt is granted than the last that was begun: then nobody may write down any more what
 * became of that one, since the other's node removes what there is of it. */
gboolean lull_charge_superseded(const LullChargeFacts *facts) G_GNUC_PURE;

G_END_DECLS
