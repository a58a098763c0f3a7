/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What one attempt came to, for who counts and for who reads the log. Pure. */

typedef enum {
    LULL_RESULT_QUIESCED = 0,     /* cut, and nothing moved */
    LULL_RESULT_CRASH_CONSISTENT, /* cut, and that was enough */
    LULL_RESULT_STOPPED,          /* cut, of a machine that was off and at rest */
    LULL_RESULT_NOT_QUIESCED,     /* what was cut, or would have been, does not count: there is another try */
    LULL_RESULT_BELOW_REQUIRED,   /* nor will there be one: a higher level is required */
    LULL_RESULT_CUT_FAILED,       /* the storage did not cut */
    LULL_RESULT_REFUSED,          /* somebody else works on the machine: not begun */
    LULL_RESULT_FAILED,           /* given up before the cut: no room, too late, cancelled, machine gone */
    LULL_RESULT_N
} LullResult;

const char *lull_result_to_string(LullResult result); /* "crash_consistent" */

/* All strings are lent; NULL: unknown, or there is none. Durations in microseconds, -1 unknown. */
typedef struct {
    const char *vm;
    const char *snapshot; /* "namespace/name" */
    const char *op;
    guint attempt;
    LullResult result;
    gboolean asked;    /* the guest was to be held still */
    const char *agent; /* "lull", "stock"; NULL: nobody answered, or was asked */
    const char *level, *proof, *proof_by, *witness;
    const char *why;    /* it is not quiesced, or nothing at all; may be the guest's words */
    const char *cuts;   /* "vda:18.0,vdb:18.2": volumes, and when their cuts were known, ms from the freeze */
    const char *steps;  /* "prepare-storage:3.1,...": verbs, and how many ms each took */
    gboolean timed_out; /* time was the reason */
    gboolean unconfirmed; /* the guest did not say that it was thawed: lease or dead man go on */
    gint64 prepare_usec, freeze_usec, cut_usec, thaw_usec, window_usec;
    gboolean window_measured; /* FALSE: upper bound */
} LullAttemptFacts;

/* Why a guest that was to be held still was not, as one of few words ("lease_expired", "other"); NULL: it
 * was, or that was not what went wrong. */
const char *lull_attempt_reason(const LullAttemptFacts *facts);

/* All words that the above may give; NULL ends. */
const char *const *lull_attempt_reasons(void);

/* @usec as milliseconds with one digit behind the point, rounded as the report's times are: who compares a
 * line with a report finds the same figure. */
void lull_append_msec(GString *text, gint64 usec);

/* One line of key=value, values quoted where they need it and at most 512 bytes long. */
char *lull_attempt_line(const LullAttemptFacts *facts) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
