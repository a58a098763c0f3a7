/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold-private.h"

G_BEGIN_DECLS

/* How a stock agent is made to freeze, and who thaws it when we are gone: what hold-stock.c leaves to one of
 * two. All else it does itself, by libvirt: to a guest that is to be thawed no way is one too many. */

/* Longer than a freeze should take, and an agent that is asked for something short. */
#define LULL_STOCK_FREEZE_USEC LULL_SEC(10)
#define LULL_STOCK_CALL_USEC   LULL_SEC(2)

typedef struct {
    gint64 sent;  /* boot clock; 0: nothing of ours is in the guest */
    gint64 count; /* of file systems frozen; 0: nobody told */
} LullStockFreeze;

typedef struct {
    const char *dead_man; /* who thaws when nobody else does, for people */
    /* Before the freeze; bounded. NULL: nothing may be frozen; UNSUPPORTED: not by this way. */
    gpointer (*start)(LullGuestHold *self, GError **error);
    /* TRUE: it is frozen. Sets facts.freeze_usec. */
    gboolean (*freeze)(LullGuestHold *self, gpointer keeper, gint64 lease_usec, LullStockFreeze *ret_freeze,
                       GError **error);
    /* The guest has said that it is thawed. FALSE: a freeze of ours may still come to it. */
    gboolean (*release)(LullGuestHold *self, gpointer keeper);
    void (*free)(gpointer keeper);
} LullStockWay;

extern const LullStockWay lull_stock_way_libvirt;  /* by an agent command, with a host dead man */
extern const LullStockWay lull_stock_way_kubevirt; /* by the hold's freeze API, which has a timer */

/* What the agent says: is the guest frozen? */
gboolean lull_stock_ask(LullGuestHold *self, gint64 timeout_usec, gboolean *ret_frozen, GError **error);

/* BUSY: it is. Whoever froze a guest has his reasons, and the thaw is his. */
gboolean lull_stock_is_free(LullGuestHold *self, gint64 timeout_usec, GError **error);

/* The timer's seconds for a lease: whole ones, and never none, which would be no timer. Pure. */
gint64 lull_stock_timer(gint64 lease_usec) G_GNUC_CONST;

/* TRUE: the guest was not asked, whatever @error says besides. Pure. */
gboolean lull_stock_is_refusal(const GError *error);

G_END_DECLS
