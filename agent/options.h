/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/session/gate.h"

G_BEGIN_DECLS

/* The command line and a file with the same, named as the peer's where it has the same thing. Strings are
 * argv's, constant or of @texts. */
typedef struct {
    GStringChunk *texts;
    const char *method; /* "virtio-serial" or "unix-listen" */
    const char *path;
    const char *state_dir;
    const char *logfile; /* NULL: standard error */
    const char *pidfile;
    const char *freezer; /* NULL: the one installed with us */
    gint64 standard_lease_msec;
    gboolean daemonize;
    gboolean verbose;
    LullGateRules rules;
} LullOptions;

/* FALSE: the process is to end now with @ret_exit (help, version, or a mistake that was told). */
gboolean lull_options_parse(int argc, char **argv, LullOptions *ret_options, int *ret_exit);

/* Where state is kept, by the command line alone: for when the rest of it, or the file, is wrong. */
const char *lull_options_find_state_dir(int argc, char **argv);

void lull_options_clear(LullOptions *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullOptions, lull_options_clear)

G_END_DECLS
