/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* So many at a time, the others in the order in which they came. Who waits is known by his cancellable. May
 * be used from any thread. */
typedef struct _LullTurns LullTurns;

LullTurns *lull_turns_new(guint at_a_time) G_GNUC_WARN_UNUSED_RESULT;
void lull_turns_free(LullTurns *self); /* once nobody waits and all have given back */

/* Takes a place in the line, or several one by one. Then one lull_turns_wait() for each, from any thread. */
void lull_turns_join(LullTurns *self, GCancellable *who);
void lull_turns_leave(LullTurns *self, GCancellable *who); /* instead: gives up one place */

/* Blocks. TRUE: it is his turn, to be given back by lull_turns_give(). FALSE: cancelled, and out of the line.
 */
gboolean lull_turns_wait(LullTurns *self, GCancellable *who) G_GNUC_WARN_UNUSED_RESULT;
void lull_turns_give(LullTurns *self);

/* Cancels @who, who waits no more if he did. */
void lull_turns_cancel(LullTurns *self, GCancellable *who);

G_END_DECLS
