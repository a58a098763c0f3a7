/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <sys/types.h>

#include <glib.h>

G_BEGIN_DECLS

/* A program that runs for as long as something else lasts, with our standard streams, and the signals that
 * could end either of the two, as one file descriptor. One at a time: the process' signal mask is changed. */
typedef struct {
    pid_t pid;
    int fd;      /* readable: lull_child_look() has news */
    int status;  /* as of waitpid(), once ended */
    int stopped; /* the signal that asked us to end; 0: none */
} LullChild;

/* @argv: NULL-terminated, a path first. FAILED: it could not be started. */
gboolean lull_child_start(LullChild *self, char **argv, GError **error);

/* TRUE: it has ended, or we were asked to. */
gboolean lull_child_look(LullChild *self);

/* To the end; signals do to us what they do to others again. */
void lull_child_wait(LullChild *self);

/* "exit status 2", "signal 9 (Killed)"; NULL for 0. */
char *lull_child_problem(const LullChild *self) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
