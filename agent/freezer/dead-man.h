/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "agent/freezer/hold.h"
#include "agent/freezer/wire.h"

G_BEGIN_DECLS

/* The agent's end of one freezer: a thread that talks to it, holds the same descriptors, and thaws when the
 * freezer is gone, or late by the grace. It polls bare descriptors and touches only memory that is there
 * already, so a main loop that hangs, or a heap that has to grow, is none of its business.
 *
 * All calls are the owner's, none waits. What happens is told as bits, 1 << LullFreezerEventKind, through
 * a descriptor for the owner's main loop. */
typedef struct _LullDeadMan LullDeadMan;

/* Takes over @hold, @socket and the process @pid, which it reaps, whatever comes of it; @marker_fd is
 * duplicated (-1: none). */
LullDeadMan *lull_dead_man_start(LullHold *hold, pid_t pid, int socket, int marker_fd,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

LullHold *lull_dead_man_hold(LullDeadMan *self);
int lull_dead_man_fd(LullDeadMan *self); /* readable when there are events */
guint lull_dead_man_take_events(LullDeadMan *self);

/* Why there will be no PREPARED; NONE where the freezer has not refused. */
LullWireRefusal lull_dead_man_refusal(LullDeadMan *self, int *ret_errno);

void lull_dead_man_freeze(LullDeadMan *self, gint64 lease_usec, gint64 within_usec, gboolean strict);
gboolean lull_dead_man_renew(LullDeadMan *self, gint64 lease_usec);
void lull_dead_man_thaw(LullDeadMan *self);

/* Lets go: what is frozen is thawed, both processes' part in it ends, and the memory goes when the freezer
 * has. The hold must not be used any more. */
void lull_dead_man_release(LullDeadMan *self);

G_END_DECLS
