/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The end that the process is asked for by SIGTERM and SIGINT. A thread of its own hears of it, since
 * everything else may wait for a server, a daemon or a disk just then, and a guest must not stand still for
 * that. */
typedef struct _LullEnding LullEnding;

/* What calls to a store far away have: to give a lease back, and to take away what nobody needs. */
#define LULL_ENDING_CALLS LULL_SEC(4)

/* What the work that is under way has to let go of its guests, and what all has to be over in, from the
 * signal on. A pod's terminationGracePeriodSeconds is this and LULL_INIT_PATIENCE. */
#define LULL_ENDING_WORK LULL_SEC(15)
#define LULL_ENDING_ALL  LULL_SEC(20)

/* From now on: the first signal calls @let_go, which may not block, on the ending's thread, and then has
 * @loop quit; who has not ended the process @all_usec later is not waited for: leases and dead men do the
 * rest. */
LullEnding *lull_ending_await(GMainLoop *loop, void (*let_go)(gpointer user_data), gpointer user_data,
                              gint64 all_usec) G_GNUC_WARN_UNUSED_RESULT;

/* @let_go is not called any more. The process has to end in time all the same, if it was asked to. */
void lull_ending_forget(LullEnding *self);

G_END_DECLS
