/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Starts @program (NULL: lull-freezer beside this executable, else the installed one) with the
 * descriptors of wire.h; @marker_fd may be -1. Gives the process id, for the caller to reap, and this
 * side's end of the socket, close-on-exec. */
gboolean lull_freezer_launch(const char *program, int table_fd, int marker_fd, pid_t *ret_pid,
                             int *ret_socket, GError **error);
