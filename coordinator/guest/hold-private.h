/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/agent-reply.h"
#include "coordinator/guest/elsewhere.h"
#include "coordinator/guest/freeze-api.h"
#include "coordinator/guest/hold.h"
#include "coordinator/guest/instances.h"
#include "coordinator/guest/line.h"

G_BEGIN_DECLS

typedef struct {
    gboolean (*prepare)(LullGuestHold *self, gint64 budget_usec);
    gboolean (*freeze)(LullGuestHold *self, gint64 lease_usec, gint64 total_usec);
    gboolean (*thaw)(LullGuestHold *self, gint64 budget_usec); /* FALSE: the guest did not confirm it */
    void (*free)(LullGuestHold *self);
} LullGuestHoldOps;

struct _LullGuestHold {
    LullHost *host; /* the one that has it, held; NULL: the guest was not asked */
    LullLine line;  /* closed: the guest could not be reached */
    LullStay *stay; /* NULL: nobody tells */
    GCancellable *over;
    char *pod_directory; /* of a machine in a pod whose TPM keeps what it has on a volume; NULL: none */
    char *op;
    char *uid;
    char *ns;   /* of its API; NULL: it has none */
    char *name; /* there */
    /* That freezes it where its agent is a stock one; NULL: we do. */
    const LullFreezeApi *freeze_api;
    LullJson *volumes; /* as lull_guest_hold_identities() makes them */
    LullJson *rows;    /* file systems as prepare saw them, with their disks */
    LullJson *unread;  /* the agent's answer to the freeze, whose rows nobody has read yet; NULL: none */
    LullGuestHoldFacts facts;
    const LullGuestHoldOps *ops; /* NULL: no agent */
    gpointer state;              /* the ops' own */
    gboolean prepared;           /* a prepare was tried: there must be an end */
    gboolean ended;
};

extern const LullGuestHoldOps lull_guest_hold_ops_lull;
extern const LullGuestHoldOps lull_guest_hold_ops_stock;

/* Notes why something failed or broke; the first reason stands. */
void lull_guest_hold_fail(LullGuestHold *self, const GError *error);
void lull_guest_hold_break(LullGuestHold *self, const char *reason, gboolean timed_out);

/* Notes that a freeze was answered with nothing frozen, as an error too. */
void lull_guest_hold_find_nothing(LullGuestHold *self, GError **error);

/* Sets the report's rows. */
void lull_guest_hold_set_rows(LullGuestHold *self, LullJson *rows);

/* Stock: thaws until the guest says that it is thawed, wherever it may be by then; FALSE when @until (boot
 * clock) came first. */
gboolean lull_stock_thaw_until(LullLine *line, const LullGuestElsewhere *elsewhere, gint64 until,
                               gint64 *ret_count, GError **error);

/* Ours: ends @op whatever came of it. */
gboolean lull_agent_end(LullLine *line, const char *op, gint64 until, GError **error);

G_END_DECLS
