/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/phase.h"
#include "protocol/proof.h"

G_BEGIN_DECLS

/* The one machine behind both faces of the wire: the vendor commands and the standard freeze and thaw.
 * Pure: (state, event, now) gives the next state and what to do. Who owns the operation under way is
 * compared by the caller; names, descriptors and replies are the engine's (agent/quiesce/engine.h).
 *
 * What holds in every state: release comes first, so in FREEZING and FROZEN every loss, stop and
 * deadline leads out; START is followed by exactly one END; a second freeze changes nothing. */

typedef struct {
    LullPhase phase;
    gboolean standard; /* begun by guest-fsfreeze-freeze: freezes as soon as it is prepared */
    gint64 lease;      /* microseconds */
    gint64 deadline;   /* boot clock; when to look again at the latest; 0: never */
    /* how it went; meaningful until the next START */
    gboolean was_frozen;
    gboolean timed_out;
    LullProof proof;
    const char *reason; /* why it did not last or did not come about; NULL: all went well. Lent. */
} LullMachine;

typedef enum {
    LULL_EVENT_TICK = 0, /* time passed */
    /* requests */
    LULL_EVENT_PREPARE,
    LULL_EVENT_FREEZE,
    LULL_EVENT_STANDARD_FREEZE,
    LULL_EVENT_RENEW,
    LULL_EVENT_THAW,
    LULL_EVENT_STANDARD_THAW,
    LULL_EVENT_ABORT,
    LULL_EVENT_STOP, /* this process is asked to end */
    /* from the freezer */
    LULL_EVENT_PREPARED,
    LULL_EVENT_FROZEN,
    LULL_EVENT_FREEZE_FAILED,
    LULL_EVENT_THAWED,
    LULL_EVENT_LOST,
    LULL_EVENT_N
} LullEventKind;

typedef struct {
    LullEventKind kind;
    gboolean is_owner;    /* requests: its op is the one under way */
    gboolean other_epoch; /* RENEW, THAW: it names an epoch that is not the current one */
    gint64 duration;      /* PREPARE: budget; STANDARD_FREEZE, FREEZE, RENEW: lease; microseconds */
    guint n_frozen;       /* FROZEN */
    gboolean timed_out;   /* FREEZE_FAILED, THAWED, LOST: time was the reason */
    const char *broken;   /* the same: why; NULL: verified. Must outlive the machine's use of it */
} LullEvent;

typedef enum {
    LULL_DO_START = 1 << 0,  /* start a freezer with the plan */
    LULL_DO_FREEZE = 1 << 1, /* write the record, then have it freeze */
    LULL_DO_RENEW = 1 << 2,
    LULL_DO_THAW = 1 << 3,
    LULL_DO_END = 1 << 4,    /* let the freezer go, forget the record: the one end of a START */
    LULL_DO_ANSWER = 1 << 5, /* whoever waits gets his answer now */
} LullActions;

/* What the one who made a request is told. */
typedef enum {
    LULL_ANSWER_NONE = 0, /* the event was no request */
    LULL_ANSWER_NOW,      /* done, or nothing to do */
    LULL_ANSWER_LATER,    /* with LULL_DO_ANSWER */
    LULL_ANSWER_PAST,     /* there is no such operation under way: the last result tells */
    LULL_ANSWER_OTHER,    /* refused: another operation is under way */
    LULL_ANSWER_NOT_YET,  /* refused: still preparing */
} LullAnswer;

typedef struct {
    LullMachine next;
    guint actions; /* LullActions, to be performed in the order of their values */
    LullAnswer answer;
} LullTransition;

/* How long a prepared operation waits for its freeze, and a thaw for its end, before it is looked at. */
#define LULL_PREPARED_LIMIT_MS 60000
#define LULL_THAW_LIMIT_MS     2000

/* How long freezing everything may take. */
gint64 lull_machine_freeze_limit(gboolean standard, gint64 lease) G_GNUC_CONST;

LullTransition lull_machine_step(LullMachine state, LullEvent event, gint64 now) G_GNUC_WARN_UNUSED_RESULT;

/* Whether something may be frozen, so that nothing may touch a file system or a log. */
gboolean lull_phase_is_frozen(LullPhase phase);

G_END_DECLS
