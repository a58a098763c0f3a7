/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* Who of several leads, by a Lease object (coordination.k8s.io/v1): what to do next, from what was seen of
 * it. No clock is compared with another's: a lease has run out when its record has not changed for its
 * duration on the clock of who looks. A leader counts from before it asked for its renewal and gives up
 * earlier than anybody may take over. A lease is no fence: what a leader does carries the term. Times are of
 * the boot clock. */

typedef struct {
    gint64 duration; /* of the lease, as others see it */
    gint64 deadline; /* a leader that could not renew for so long leads no more; less than duration */
    gint64 retry;    /* between looks, and between renewals; less than deadline */
} LullElectionTuning;

extern const LullElectionTuning lull_election_usual; /* 15 s, 10 s, 2 s, as clusters have them */

/* What is known of the lease. */
typedef struct {
    gboolean present;
    char *holder; /* NULL: nobody */
    gint64 duration;
    gint64 term;       /* counts the changes of leader, and never goes back; the highest that was seen */
    char *version;     /* for the patch that takes or renews it */
    char *record;      /* holder and times, as one text: has it changed? */
    gint64 changed_at; /* when it was first seen as it is */
    gint64 looked_at;  /* G_MININT64: never */
    gint64 renewed_at; /* before our last successful write was sent; G_MININT64: we do not lead */
} LullElectionState;

void lull_election_state_init(LullElectionState *self);
void lull_election_state_clear(LullElectionState *self);

/* What a look gave. @lease NULL: there is none. What makes no sense in it is as if nobody held it for the
 * usual duration. */
void lull_election_state_see(LullElectionState *self, const LullElectionTuning *tuning, LullJson *lease,
                             gint64 now);

/* Our write of a lease succeeded: sent at @sent, answered with @lease. */
void lull_election_state_won(LullElectionState *self, const LullElectionTuning *tuning, LullJson *lease,
                             gint64 sent, gint64 now);

typedef enum {
    LULL_ELECTION_WAIT = 0,  /* until `at` */
    LULL_ELECTION_LOOK,      /* get the lease */
    LULL_ELECTION_CREATE,    /* there is none */
    LULL_ELECTION_TAKE,      /* it is nobody's, or has run out */
    LULL_ELECTION_RENEW,     /* we hold it */
    LULL_ELECTION_STEP_DOWN, /* we could not renew it, or it is another's */
    LULL_ELECTION_RELEASE    /* we hold it and are to stop */
} LullElectionVerb;

typedef struct {
    LullElectionVerb verb;
    gint64 at;
} LullElectionStep;

LullElectionStep lull_election_decide(const LullElectionState *state, const LullElectionTuning *tuning,
                                      const char *identity, gboolean stopping, gint64 now);

/* Whether we lead, at this very moment. */
gboolean lull_election_leads(const LullElectionState *state, const LullElectionTuning *tuning, gint64 now);

/* The spec of a Lease that CREATE, TAKE, RENEW and RELEASE write. @wall: for people who read it, and so that
 * the term of one that was deleted does not come again. */
LullJson *
lull_election_spec(const LullElectionState *state, const LullElectionTuning *tuning, const char *identity,
                   LullElectionVerb verb, gint64 wall) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
