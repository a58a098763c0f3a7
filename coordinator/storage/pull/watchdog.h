/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Who looks after a reader of QEMU's disks that takes no answers. QEMU waits for every answer that is on its
 * way before it ends a job, stops the machine, or resets a disk of it, and the guest's processors wait with
 * it. So a connection has a process of its own, which shuts it when data is waiting and the reader gave no
 * sign for 2 seconds, as where it was stopped, and when the reader is dead. QEMU then goes on, and the reader
 * finds that the server is lost.
 *
 * It is this very program, run as `<program> pull-watchdog COPY`: signs of life on its standard input, the
 * connection as descriptor 3. It looks 20 times in that while, and counts the looks, so that one that gets no
 * processor itself blames nobody. */

#define LULL_PULL_WATCHDOG_WORD "pull-watchdog"

typedef struct _LullPullWatchdog LullPullWatchdog;

/* @connection: a connected socket; stays the caller's. @copy: where what is read goes, for the log. */
LullPullWatchdog *
lull_pull_watchdog_new(int connection, const char *copy, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The reader has taken something. To be called for all that it takes; costs next to nothing. */
void lull_pull_watchdog_beat(LullPullWatchdog *self);

/* The process goes; to be called before the connection is closed. May be NULL. */
void lull_pull_watchdog_free(LullPullWatchdog *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullPullWatchdog, lull_pull_watchdog_free)

/* How many looks in a row have found data waiting and no sign, after one more. Pure. */
guint lull_pull_watchdog_count(guint before, gboolean beat, gboolean waiting);
#define LULL_PULL_WATCHDOG_LOOKS 20 /* and as many are too many */

/* The other side: what a program does whose first argument is LULL_PULL_WATCHDOG_WORD, which is @argv[0]
 * here. Returns the exit status. */
int lull_pull_watchdog_main(int argc, char **argv);

G_END_DECLS
