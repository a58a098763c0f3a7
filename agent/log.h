/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where g_message() and the like go: standard error or a file, one line each, "seconds.micros: level:
 * text" as the peer writes them, control characters as "\n" or "\x1b". While something is frozen lines are
 * kept in memory instead, since the log may lie on a frozen file system; the latest of them, at most
 * LULL_LOG_KEPT lines and LULL_LOG_KEPT_BYTES, are written after the thaw. State of the whole process, since
 * GLib has one log writer. Main thread only, but for g_log itself. */
#define LULL_LOG_KEPT       256
#define LULL_LOG_KEPT_BYTES (64 * 1024)

/* To standard error from here on. @verbose: information and debugging too. */
void lull_log_init(gboolean verbose);

/* To the file @path instead; NULL: as it is. */
gboolean lull_log_open(const char *path, GError **error);

/* TRUE: keep lines back; FALSE: write what was kept, once each TRUE has had its FALSE. */
void lull_log_hold(gboolean hold);

G_END_DECLS
