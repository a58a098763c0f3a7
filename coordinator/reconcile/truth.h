/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"
#include "coordinator/guest/vm.h"
#include "protocol/level.h"
#include "protocol/proof.h"

G_BEGIN_DECLS

/* What may be claimed of a set of cuts, from facts alone. Pure. */

typedef enum { LULL_PROOF_BY_NOTHING = 0, LULL_PROOF_BY_EPOCH, LULL_PROOF_BY_WITNESS } LullProofBy;

/* Bits; each has its public name and sentence. */
typedef enum {
    LULL_INDICATION_GUEST_AGENT = 1 << 0,
    LULL_INDICATION_NO_GUEST_AGENT = 1 << 1,
    LULL_INDICATION_ONLINE = 1 << 2,
    LULL_INDICATION_PAUSED = 1 << 3,
    LULL_INDICATION_QUIESCE_FAILED = 1 << 4,
    LULL_INDICATION_QUIESCE_TIMEOUT = 1 << 5,
} LullIndication; /* in the order of their names */

/* All strings are lent and may be NULL. */
typedef struct {
    LullVmState vm;
    LullVmEnd end;             /* of one that is off */
    LullAgentKind agent;       /* who answered; NONE: nobody who could freeze */
    const char *agent_problem; /* NONE: why */
    gboolean frozen;           /* acknowledged, at least one file system */
    gboolean no_volumes;       /* only the configuration is saved: there is nothing to hold still */
    gboolean nothing;          /* a freeze was answered, and there was nothing to freeze */
    gboolean incomplete;       /* a file system on the cut disks could not be frozen */
    gboolean held;             /* as far as the guest can say, until after the last cut */
    gboolean timed_out;        /* time was the reason for what failed or broke */
    gboolean cut_while_frozen; /* every cut was known before the thaw */
    gboolean writers_met;      /* a writer has data on the cut disks, and every required one met its need */
    LullWitnessVerdict witness;
    const char *given_up; /* the guest was not asked, since attempts to quiesce it failed: the last reason */
    const char *problem;  /* why it was not frozen */
    const char *broken;   /* why it was not held */
} LullTruthFacts;

typedef struct {
    guint indications; /* LullIndication bits */
    LullLevel level;
    LullProof proof;
    LullProofBy proof_by;
    const char *proof_reason; /* "" where held; else lent from the facts or static */
    gboolean final;           /* another attempt would find the same */
} LullTruth;

/* Why what a machine left when it ended so is not at rest; NULL: it is. Pure. */
const char *lull_truth_unrest(LullVmEnd end) G_GNUC_CONST;

LullTruth lull_truth_of(const LullTruthFacts *facts) G_GNUC_PURE G_GNUC_WARN_UNUSED_RESULT;

/* Rows of LullGuestHoldFacts.writers: does at least one hold or stand prepared, and no required one fail? */
gboolean lull_truth_writers_met(LullJson *writers);

/* Rows of LullGuestHoldFacts.filesystems: is there one that was not frozen though it could have been written
 * to, on a volume of @cut (names) or on one unknown? */
gboolean lull_truth_incomplete(LullJson *filesystems, const char *const *cut);

const char *lull_proof_by_to_string(LullProofBy by);

/* Walks the bits in the order of their names: NULL ends. @ret_message: the sentence of the API. */
const char *lull_indication_nth(guint indications, guint n, const char **ret_message);
const char *lull_indication_message(const char *name); /* "Unknown indication" */

G_END_DECLS
