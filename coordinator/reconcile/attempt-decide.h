/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One attempt to cut all volumes of a VM, as a pure machine: from what has happened so far to the next
 * thing to do. The rules that let the guest go stand first. */

typedef enum {
    LULL_ATTEMPT_END = 0,
    LULL_ATTEMPT_PREPARE_STORAGE, /* targets made: everything that can be done before the freeze */
    LULL_ATTEMPT_PROBE,           /* which agent answers; witness opened */
    LULL_ATTEMPT_WRITE_INTENT,    /* what the guest is about to be asked for, synced, before it is */
    LULL_ATTEMPT_PREPARE_GUEST,
    LULL_ATTEMPT_MARK_INTENT, /* stock: from here on a freeze may have been sent */
    LULL_ATTEMPT_FREEZE,
    LULL_ATTEMPT_WITNESS_FIRST,
    LULL_ATTEMPT_CUT,
    LULL_ATTEMPT_WITNESS_SECOND,
    LULL_ATTEMPT_THAW, /* or abort, where nothing was frozen */
    LULL_ATTEMPT_REMOVE_INTENT,
    LULL_ATTEMPT_N
} LullAttemptVerb;

/* Not tried yet, done, or tried in vain. */
typedef enum { LULL_TRIED_NOT = 0, LULL_TRIED_DONE, LULL_TRIED_FAILED } LullTried;

typedef struct {
    gboolean cancelled;
    gboolean leaving; /* the guest is about to leave the place where it was found, or has */
    gint64 now;       /* boot clock */
    gint64 deadline;  /* 0: none */
    gboolean unasked; /* the guest is neither asked nor frozen: it is paused, or that failed too often */
    gboolean strict;  /* a level above `crash` is required: no cut without a freeze */
    LullTried storage;
    LullTried probe;    /* FAILED: nobody there who could freeze */
    gboolean unreached; /* probe FAILED: nobody could be asked, and so nothing is known of it */
    LullTried intent;
    LullTried prepare;
    gint64 patience; /* usec that the guest may stand still, of one that is prepared; 0: not known */
    gint64 left;     /* usec until `deadline`, when that became known; 0: there is none */
    gint64 alone;    /* usec that the cut takes at least, by its storage's last cuts; 0: not known */
    gint64 behind;   /* and beside what the storage cuts for others just now; 0: not known */
    gint64 asking;   /* usec that asking for the cut takes, if that is too long for any guest; 0: it is not */
    gboolean stock;  /* its thaw ends whatever stands: the intent must say that it may be ours */
    LullTried marked;
    LullTried freeze;
    gboolean hopeless; /* it would go the same way next time: there is nothing to freeze */
    LullTried first;   /* of the witness; FAILED: no reading, which is a fact and stops nothing */
    LullTried cut;
    LullTried second;
    LullTried thaw; /* whatever came of it: it is bounded, and lease and dead man do the rest */
    LullTried intent_removed;
} LullAttemptView;

typedef struct {
    LullAttemptVerb verb;
    const char *reason; /* a word for the log */
} LullAttemptStep;

/* The reason of an end: nothing is wrong but that others come first. */
#define LULL_ATTEMPT_QUEUED "Queued"

LullAttemptStep lull_attempt_decide(const LullAttemptView *view) G_GNUC_PURE G_GNUC_WARN_UNUSED_RESULT;

/* How long to wait, usec, before a storage that has been in use for @waited (usec) is looked at again. */
gint64 lull_attempt_busy_pause(gint64 waited) G_GNUC_CONST;

const char *lull_attempt_verb_to_string(LullAttemptVerb verb);

G_END_DECLS
