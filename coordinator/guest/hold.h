/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/guest/host.h"
#include "protocol/clock.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* Holding one guest still: the host's half of one operation, the same for our agent and for stock
 * qemu-ga. One hold is one op; it belongs to the thread that made it, and every call is bounded in time.
 *
 * Our agent: prepare, freeze with a lease, renewals on a thread and connection of their own (the caller
 * may block in a cut meanwhile), thaw with its verdict. Stock: freeze and thaw by agent commands with our
 * time-outs, a host dead man (a process of its own, started before the freeze) that thaws on end of
 * file from this process or at the deadline, and agent and lifecycle events noted from freeze to thaw. Where
 * the host has a freeze API (freeze-api.h), that freezes instead, and its timer is the dead man. */

/* Nobody may ask for a longer hold; after it the holder has the grace to thaw before the dead man does. */
#define LULL_GUEST_HOLD_MAX   LULL_SEC(3600)
#define LULL_GUEST_HOLD_GRACE LULL_SEC(2)

typedef enum { LULL_AGENT_NONE = 0, LULL_AGENT_STOCK, LULL_AGENT_LULL } LullAgentKind;

typedef struct {
    LullAgentKind agent;
    char *agent_name; /* "lull-agent 0.1.0", "qemu-ga 7.2.22"; NULL without one */
    char *
        agent_problem; /* agent NONE: why (no channel, not connected, no answer to sync, no freeze command) */
    gboolean attempted; /* a freeze was sent to the guest */
    gboolean frozen;    /* and acknowledged with at least one file system */
    gboolean timed_out; /* time was the reason for what failed or broke */
    gboolean nothing;   /* a freeze was answered, and there was nothing to freeze */
    char *problem;      /* why it is not frozen, in one line */
    gboolean
        held;     /* after the thaw: unbroken from before the cut to the thaw, as far as the guest can say
                     (our agent: its epoch; stock: count > 0, status frozen right before, no event between) */
    char *broken; /* why it was not */
    gboolean unconfirmed; /* after the thaw: the guest did not say that nothing of ours is left in it; the
                             lease or the dead man goes on, and a recovery must be tried later */
    gint64 hold_budget; /* usec that its writers hold at most once it is frozen, as told when prepared; 0: as
                           long as anybody may ask for */
    gint64 prepare_usec;
    gint64 freeze_usec; /* our agent: its own figure; stock: request to reply */
    gint64 thaw_usec;   /* 0: the guest did not tell, or did not answer; so for the window */
    gint64 window_usec; /* our agent: first FIFREEZE to last FITHAW on its clock; stock: freeze request to
                           thaw reply */
    gboolean window_measured; /* FALSE: upper bound */
    LullJson
        *filesystems;  /* report rows {mountpoint, type, volumes, result, reason}; never NULL after freeze */
    LullJson *writers; /* report rows; never NULL after freeze */
} LullGuestHoldFacts;

typedef struct _LullGuestHold LullGuestHold;

/* Finds out which agent answers. Never an error for a missing one: that is a fact; but one if nobody can be
 * asked, since libvirt or the machine is away (LOST, NOT_FOUND, BUSY). @op: UUID chosen by the caller. */
LullGuestHold *lull_guest_hold_new(LullHost *host, const LullVm *vm, const char *op,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Cancelled as soon as the guest is about to leave the place where it was found, as one that migrates does,
 * or has left it: nobody can vouch for it on the way, and where it arrives nobody would thaw it. Whoever
 * waits for something while it is held waits with this, and may cancel it himself. Lent. */
GCancellable *lull_guest_hold_over(LullGuestHold *self);

/* Why that is so, a constant; NULL: it stays, as far as anybody told. Waits for nobody. */
const char *lull_guest_hold_leaves(const LullGuestHold *self);

/* Heavy work before anything is blocked; waits until the guest is prepared, at most @budget_usec. For
 * stock agents it starts the host dead man (not armed). FALSE: facts say why; a freeze must not follow. */
gboolean lull_guest_hold_prepare(LullGuestHold *self, gint64 budget_usec);

/* Freezes. @lease_usec: our agent's lease, or the dead man's deadline for stock. @total_usec: after this our
 * agent's lease is renewed no more, whatever the caller is blocked in. FALSE: not frozen, facts say why. */
gboolean lull_guest_hold_freeze(LullGuestHold *self, gint64 lease_usec, gint64 total_usec);

/* Brings facts.filesystems up to what the freeze came to, which takes time for each of them: not to be called
 * between freeze and cut. The thaw does it too. */
void lull_guest_hold_read_rows(LullGuestHold *self);

/* Thaws and learns the verdict. Bounded: tries until the guest says thawed or @budget_usec is over (the lease
 * or the dead man does the rest). To be called after every prepare, whatever happened: it aborts where
 * nothing was frozen. Idempotent. */
void lull_guest_hold_thaw(LullGuestHold *self, gint64 budget_usec);

const LullGuestHoldFacts *lull_guest_hold_facts(const LullGuestHold *self); /* lent */

/* Releases; thaws or aborts first if that was not done. */
void lull_guest_hold_free(LullGuestHold *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullGuestHold, lull_guest_hold_free)

/* What an earlier life of this process may have left frozen; lent. */
typedef struct {
    const char *op;
    const char *where;     /* the VM's uid, or its place, if it had one */
    const char *ns, *name; /* of its API; @ns NULL: it has none */
    LullAgentKind agent;
} LullGuestLeft;

/* After a restart: ends that operation. Ours: thaw by op, then abort. Stock: fsfreeze-thaw, by KubeVirt if
 * the guest is not here any more. Bounded; TRUE when the guest is known to be thawed of it, or gone for good.
 */
gboolean
lull_guest_hold_recover(LullHost *host, const LullGuestLeft *left, gint64 budget_usec, GError **error);

/* The witness: write and flush requests of every disk, from the host, in one call, on a connection of its
 * own. */
typedef enum { LULL_WITNESS_NONE = 0, LULL_WITNESS_QUIET, LULL_WITNESS_NOISY } LullWitnessVerdict;
typedef struct _LullWitness LullWitness;
LullWitness *lull_witness_new(LullHost *host, const LullVm *vm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean
lull_witness_read_first(LullWitness *self, GError **error); /* right after the freeze is acknowledged */
gboolean lull_witness_read_second(LullWitness *self, GError **error); /* right before the thaw */
/* Over the disks named (NULL-terminated target devices, those cut); NONE where a reading is missing or a disk
 * ignores flushes. */
LullWitnessVerdict lull_witness_verdict(const LullWitness *self, const char *const *disks);
const char *lull_witness_to_string(LullWitnessVerdict verdict);
void lull_witness_free(LullWitness *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullWitness, lull_witness_free)

G_END_DECLS
