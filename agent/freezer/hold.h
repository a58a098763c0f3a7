/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/step.h"

/* One hold: the table in memory shared by agent and freezer in which it is written, mount by mount,
 * what is frozen, by whom it is being thawed, and when the lease ends. Threads of two processes act on
 * it: the freezer's freezing thread with its hands, its watcher, and the agent's client thread. There is no
 * lock: each decision is one compare-and-swap, so a thread that is stopped or killed anywhere holds up
 * nobody, and what it left undone can be read off the table by the others.
 *
 * Two words decide everything:
 *   course  phase and reason; whoever moves it to ENDED first has named the reason, for good
 *   state   one a mount; whoever moves it from FROZEN to THAWING is the one who thaws it
 *
 * The freezing thread writes a mount's state and then looks at the course; who ends the hold writes
 * the course and then looks at the states. All of it is sequentially consistent, so at least one
 * of the two sees the other, and no mount is missed.
 *
 * Times are microseconds on the boot clock. Nothing here allocates, logs, or knows a file name. */

typedef enum {
    LULL_HOLD_IDLE = 0,
    LULL_HOLD_FREEZING,  /* FIFREEZE in plan order; lease and timer are armed */
    LULL_HOLD_FROZEN,    /* lease runs */
    LULL_HOLD_VERIFYING, /* thaw was asked for: a second FIFREEZE must answer EBUSY */
    LULL_HOLD_ENDED,     /* for good: everything is being thawed, or is */
} LullHoldPhase;

typedef enum {
    LULL_HOLD_REASON_NONE = 0, /* in ENDED: the hold lasted, and that was verified */
    LULL_HOLD_REASON_ASKED,    /* thaw asked for; breaks only a freeze under way */
    LULL_HOLD_REASON_SLOW,     /* not all frozen in time */
    LULL_HOLD_REASON_REFUSED,  /* strict, and one mount could not be frozen */
    LULL_HOLD_REASON_LEASE,
    LULL_HOLD_REASON_FOREIGN_THAW,
    LULL_HOLD_REASON_UNVERIFIED, /* the second FIFREEZE did not come back, or with something else */
    LULL_HOLD_REASON_AGENT,      /* the agent went away */
    LULL_HOLD_REASON_FREEZER,    /* the freezer went away, or does not answer */
    LULL_HOLD_REASON_N
} LullHoldReason;

typedef enum {
    LULL_MOUNT_PLANNED = 0, /* not reached */
    LULL_MOUNT_FAILED,      /* see error; not ours */
    LULL_MOUNT_SKIPPED,     /* cannot be frozen by its kind; not ours */
    LULL_MOUNT_FOREIGN,     /* somebody else's freeze: not ours, never thawed */
    LULL_MOUNT_FREEZING,    /* a freezing thread is in FIFREEZE and thaws it itself if that is late */
    LULL_MOUNT_FROZEN,      /* ours: whoever claims it thaws it */
    LULL_MOUNT_VERIFYING,   /* the freezing thread is in the second FIFREEZE; as FREEZING */
    LULL_MOUNT_THAWING_BY_FREEZER,
    LULL_MOUNT_THAWING_BY_AGENT,
    LULL_MOUNT_THAWED,
    LULL_MOUNT_GONE,  /* our FITHAW found it not frozen: somebody else had thawed it */
    LULL_MOUNT_STUCK, /* our FITHAW failed: still ours, and still to be thawed by whoever claims it */
} LullMountState;

typedef enum {
    LULL_HOLD_SIDE_FREEZER = 0,
    LULL_HOLD_SIDE_AGENT,
} LullHoldSide;

typedef struct {
    uint64_t device;         /* expected st_dev */
    uint32_t path_offset;    /* of the mount point's name, from the start of the table */
    uint32_t counter_offset; /* the same of the counter's file; 0: none */
    uint32_t level;          /* mounts of one level do not stand on each other; lower ones go first */
    uint32_t may_hang;       /* opening it may take for ever */
    _Atomic uint32_t state;  /* LullMountState */
    _Atomic int32_t error;   /* errno of open, fstat, FIFREEZE, or of FITHAW in STUCK */
    _Atomic int64_t sync_usec;
    _Atomic int64_t freeze_usec;
    _Atomic int64_t writes_frozen; /* -1: unknown */
    _Atomic int64_t writes_thaw;
} LullHoldMount;

typedef struct {
    uint32_t magic;
    uint32_t n_mounts;
    uint64_t size; /* of the whole table with its names */
    _Atomic uint32_t course;
    _Atomic uint32_t strict;
    _Atomic int64_t lease_usec;  /* asked for; set before the freezing thread is woken */
    _Atomic int64_t within_usec; /* the same: how long freezing may take at most */
    _Atomic int64_t lease_end;   /* 0: none yet; negated: can no longer be renewed */
    _Atomic int64_t freeze_by;
    _Atomic uint32_t any_frozen; /* one has been, at some time */
    _Atomic uint32_t expedited;  /* set while the freezing thread has grace periods expedited */
    _Atomic int64_t first_at;    /* first FIFREEZE issued */
    _Atomic int64_t frozen_at;   /* last FIFREEZE returned */
    _Atomic int64_t ended_at;    /* thaw asked for, or whatever else ended it */
    _Atomic int64_t thawed_at;   /* last FITHAW returned */
    LullHoldMount mounts[];
} LullHold;

/* What the record that outlives both processes is told of a mount. */
typedef enum {
    LULL_MARK_FREE = 0, /* nothing of ours is frozen there */
    LULL_MARK_FREEZING, /* FIFREEZE is issued, and may or may not have come to something */
    LULL_MARK_FROZEN,   /* ours */
} LullHoldMark;

/* What a hold asks of the world. @context is handed through. Functions that may be NULL say so. */
typedef struct {
    int64_t (*now)(void *context);
    int (*freeze)(void *context, uint32_t index);     /* 0 or errno; may take as long as it likes */
    int (*thaw)(void *context, uint32_t index);       /* 0 or errno */
    int64_t (*writes)(void *context, uint32_t index); /* -1: unknown; NULL: none */
    void (*armed)(void *context); /* lease is set, nothing frozen yet; freezing thread only */
    /* Before FIFREEZE, and after all that changes it: always before the table says so. NULL: no record. */
    void (*mark)(void *context, uint32_t index, LullHoldMark mark);
    void (*step)(LullStep step); /* NULL: this side has no steps */
    /* On before the first FIFREEZE, off after the last has come back, by the freezing thread; off again, by
     * who takes over, where that was killed in between (agent/freezer/expedite.h). NULL: never. */
    void (*expedite)(void *context, bool on);
    /* Calls lull_hold_freeze_level() on as many threads as there are, comes back when all of them have;
     * NULL: the calling thread is alone. */
    void (*spread)(void *context, uint32_t level);
} LullHoldOps;

/* How long verification may take before the watcher thaws without it. */
#define LULL_HOLD_VERIFY_USEC INT64_C(500000)

LullHoldPhase lull_hold_phase(LullHold *hold);
LullHoldReason lull_hold_reason(LullHold *hold);

/* No mount is frozen by us, nor on its way into or out of it. */
bool lull_hold_settled(LullHold *hold);

/* The first that is; n_mounts: none. */
uint32_t lull_hold_first_live(LullHold *hold);

/* The lowest level above @level that any mount has; UINT32_MAX: none. */
uint32_t lull_hold_level_after(const LullHold *hold, uint32_t level);

/* Everything that could be frozen was, whatever came of it later. */
bool lull_hold_went_through(LullHold *hold);

/* Freezing thread. Freezes level after level under the lease asked for; comes back with the hold FROZEN,
 * or ENDED and everything that this thread found to be its own thawed. No-op unless IDLE. */
void lull_hold_freeze(LullHold *hold, const LullHoldOps *ops, void *context);

/* Freezing thread and its hands, at the same time. Takes planned mounts of @level until none is left; where
 * the hold has ended meanwhile, thaws what it can claim. */
void lull_hold_freeze_level(LullHold *hold, uint32_t level, const LullHoldOps *ops, void *context);

/* Freezing thread. Verifies and thaws; no-op unless VERIFYING. */
void lull_hold_verify(LullHold *hold, const LullHoldOps *ops, void *context);

/* Any thread. Ends the hold for @reason, or with ASKED sends a frozen one into verification. False
 * where it made no difference: it had ended already, or is past what SLOW is about. */
bool lull_hold_end(LullHold *hold, LullHoldReason reason, int64_t now);

/* Any thread. Ends the hold if a deadline has passed at @now; true where the hold has ended, by this
 * or before, so that lull_hold_release() is due. The agent asks with its clock held back by its
 * grace, and so is second by exactly that. */
bool lull_hold_watch(LullHold *hold, int64_t now);

/* The earliest time at which lull_hold_watch() may have something to do; 0: none. */
int64_t lull_hold_deadline(LullHold *hold);

/* Any thread, after the end. Thaws in mirrored order every mount that it can claim; those that another
 * thread is busy with are that thread's, unless @peer_gone says that the other process is no more:
 * then what that process left half done is taken over. */
void
lull_hold_release(LullHold *hold, LullHoldSide side, bool peer_gone, const LullHoldOps *ops, void *context);

/* Any thread. Sets the lease anew from @now; false once it has run out or the hold has ended. */
bool lull_hold_renew(LullHold *hold, int64_t now, int64_t lease_usec);

/* Microseconds left at @now; 0 where there is no lease to renew. */
int64_t lull_hold_remaining(LullHold *hold, int64_t now);
