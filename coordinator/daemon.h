/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The whole coordinator of a plain host: store, host, storage, reconcilers and server, in the order in which
 * they may come and go. */
typedef struct _LullDaemon LullDaemon;

typedef struct {
    char *uri;         /* of libvirt */
    char *state_dir;   /* store.db, snapshots/, intents/, lock */
    char *runtime_dir; /* where the socket is by default */
    char *socket;
    char *group; /* that may use the socket; NULL: as the directory has it */
    int lease;   /* ms that a guest stays frozen for a snapshot without a word from here; 0: the default */
    int attempt_pause;    /* ms between two attempts to quiesce a guest; 0: the default */
    int job_lease;        /* ms that a backup job goes on when this process is gone; 0: the default */
    int check_interval;   /* ms between two looks at whether stored data are there; 0: the default */
    char *metrics_listen; /* "127.0.0.1:9180": where figures and health are told; NULL: nowhere */
} LullDaemonOptions;
void lull_daemon_options_clear(LullDaemonOptions *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullDaemonOptions, lull_daemon_options_clear)

/* Fills in what was not said: the system's places for root, else the user's. */
void lull_daemon_options_complete(LullDaemonOptions *self);

/* Starts everything on the thread-default main context: first it makes sure to be the only coordinator of
 * this state, then it thaws what an earlier life may have left frozen, and only then looks at anything else.
 * LULL_ERROR_BUSY: another one is at work. */
LullDaemon *lull_daemon_start(const LullDaemonOptions *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Lent; NULL: nowhere. */
const char *lull_daemon_metrics_address(const LullDaemon *self);

/* Has every guest let go, and waits for nothing. On any thread; @daemon: a LullDaemon. */
void lull_daemon_let_go(gpointer daemon);

/* Takes no more work, lets every guest go, waits for that in bounded time. FALSE: something still hangs in a
 * call; the process must end without cleaning up. */
gboolean lull_daemon_stop(LullDaemon *self);
void lull_daemon_free(LullDaemon *self); /* after a stop that was TRUE, or a start that failed half way */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullDaemon, lull_daemon_free)

G_END_DECLS
