/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The agent's hand on a lull-freezer process: start it with a plan, have it freeze, renew, thaw.
 * One client is one operation; free it and start another.
 *
 * Process model. lull-freezer is spawned at prepare over a SOCK_SEQPACKET pair. It opens every
 * mount point and counter file, checks that each is the device planned, syncs, and sends the
 * descriptors back, so that both processes hold them before anything is frozen. From then on each
 * is the other's dead man (see agent/freezer/README.md):
 *   - the freezer's watcher thread thaws on end of file from the agent and at the end of the lease;
 *   - this client's own thread (raw poll, no GLib loop) thaws on end of file from the freezer and at
 *     lease + LULL_AGENT_GRACE_MS.
 *
 * Calls never block: they send one message; what comes of it arrives as an event on the GMainContext
 * that was the thread default in lull_freezer_start(). All calls are of that context's thread; a callback
 * may free its freezer.
 *
 * A FITHAW that fails is tried again every 100 ms; until it succeeds thaw_failed is set, and the hold
 * did not last.
 *
 * A FIFREEZE that the kernel does not give back cannot be undone before it does. FREEZE_FAILED or THAWED
 * then comes without it, within a quarter of a second of the end, and its outcome has thawed FALSE; the
 * freezer outlives this client and thaws it the moment it can. */

typedef struct {
    const char *mountpoint; /* absolute path in the agent's name space */
    dev_t device;           /* st_dev that the opened directory must have */
    const char *counter;    /* path of the block device's stat file in sysfs, or NULL: no counter */
    guint level;            /* lower ones are frozen first, those of one level at the same time */
    gboolean may_hang;      /* the way there may not answer: it is given a second (ETIMEDOUT) */
} LullFreezerMount;         /* thawed in the mirrored order */

typedef enum {
    LULL_FREEZER_RESULT_NONE = 0, /* not reached yet */
    LULL_FREEZER_RESULT_FROZEN,
    LULL_FREEZER_RESULT_SKIPPED, /* FIFREEZE not supported there */
    LULL_FREEZER_RESULT_FAILED,  /* message says why; foreign freeze (EBUSY) included */
} LullFreezerResult;

typedef struct {
    LullFreezerResult result;
    int error;            /* errno of open, fstat or FIFREEZE; 0. ESTALE: another device is mounted there */
    gboolean foreign;     /* it was frozen already, by somebody else: left alone */
    gint64 sync_usec;     /* how long syncfs took in prepare */
    gint64 freeze_usec;   /* how long FIFREEZE took */
    gint64 writes_frozen; /* write requests completed by the device, at freeze; -1 unknown */
    gint64 writes_thaw;   /* the same right before the thaw; -1 unknown */
    gboolean thawed;      /* our FITHAW returned success */
    gboolean thaw_failed; /* our FITHAW failed although it was ours and verified */
    gboolean stuck;       /* at the end: it is frozen still, and tried again all the time; error: why, or 0 */
} LullFreezerOutcome;

typedef enum {
    LULL_FREEZER_PREPARED = 0,  /* all opened and synced (each outcome may be a failure) */
    LULL_FREEZER_FROZEN,        /* freeze went through; lease runs */
    LULL_FREEZER_FREEZE_FAILED, /* undone again: nothing of ours is frozen */
    LULL_FREEZER_THAWED,        /* end, asked for or not: nothing of ours is frozen */
    LULL_FREEZER_LOST,          /* the process went away; this side has thawed what was frozen */
} LullFreezerEventKind;

typedef struct {
    LullFreezerEventKind kind;
    const char *broken; /* THAWED, LOST, FREEZE_FAILED: why the hold did not last
                           (LULL_BROKEN_..., or text); NULL: it lasted and was verified */
    gboolean timed_out; /* time was the reason */
    guint n_mounts;
    const LullFreezerOutcome *outcomes; /* n_mounts, same order as the plan; lent for the call */
    gint64 freeze_usec;                 /* first FIFREEZE issued to last returned */
    gint64 window_usec;                 /* first FIFREEZE issued to last FITHAW returned; 0 while frozen */
    gint64 thaw_usec;                   /* verification and FITHAW */
} LullFreezerEvent;

typedef struct _LullFreezer LullFreezer;
typedef void (*LullFreezerCallback)(LullFreezer *freezer, const LullFreezerEvent *event, gpointer user_data);

/* Spawns @program (NULL: lull-freezer beside this executable, else in libexecdir) with the plan;
 * PREPARED follows. @marker_fd: an open file on tmpfs in which the freezer keeps one byte a mount, written
 * without a name, at the mount's index: '0' nothing of ours is frozen there, '1' FIFREEZE is under way,
 * '2' frozen. It holds a flock on it while it lives, and who does not hold that writes nothing: after the
 * freezer's death this client takes both over until all is thawed. Recovery reads bytes and lock. -1: none.
 * Fails where the process cannot be started. */
LullFreezer *lull_freezer_start(const char *program, const LullFreezerMount *mounts, guint n_mounts,
                                int marker_fd, LullFreezerCallback callback, gpointer user_data,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Only after PREPARED. @lease_msec counts on CLOCK_BOOTTIME from the first FIFREEZE. All must be
 * frozen within @within_msec and half of it, else everything is undone (FREEZE_FAILED, timed_out).
 * @strict: one mount that fails to freeze undoes all (the standard command's rule); a foreign freeze
 * and an unsupported one are no failure in either mode. FROZEN or FREEZE_FAILED follows; FROZEN with
 * no mount in FROZEN state means that nothing could be frozen. */
void lull_freezer_freeze(LullFreezer *self, gint64 lease_msec, gint64 within_msec, gboolean strict);

/* Sets the lease anew from now. FALSE: nothing is frozen any more. */
gboolean lull_freezer_renew(LullFreezer *self, gint64 lease_msec);
gint64 lull_freezer_remaining_msec(LullFreezer *self);

/* Verifies (a second FIFREEZE must answer EBUSY), reads the counters, thaws in mirrored order.
 * @broken: NULL, or why the hold is to count as broken all the same (LULL_BROKEN_FOREIGN_THAW).
 * THAWED follows, in any phase. Safe to repeat. */
void lull_freezer_thaw(LullFreezer *self, const char *broken);

/* Nothing of ours is frozen, nor on its way into or out of it. The end may be told before that. */
gboolean lull_freezer_is_settled(LullFreezer *self);

/* The mount point of the first that is, or may be, frozen after the end; NULL: none. Lent. */
const char *lull_freezer_first_unsettled(LullFreezer *self);

/* Ends it: whatever is frozen is thawed at once, by the freezer, which then ends and is reaped; nothing
 * of it is waited for. NULL is fine. No event follows. */
void lull_freezer_free(LullFreezer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullFreezer, lull_freezer_free)

G_END_DECLS
