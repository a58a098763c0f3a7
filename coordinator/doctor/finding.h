/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One thing that was found, in words. */

typedef enum {
    LULL_SEVERITY_NOTE = 0, /* good to know; nothing to mend */
    LULL_SEVERITY_WARNING,  /* snapshots are less than they could be */
    LULL_SEVERITY_ERROR,    /* there are none, or something is in danger */
} LullSeverity;

typedef struct {
    const char *check; /* its name; lent */
    LullSeverity severity;
    char *subject; /* "host", "vm web", "vm web, disk vdb" */
    char *what;
    char *why;    /* it matters */
    char *remedy; /* commands or XML to paste, in several lines */
} LullFinding;

const char *lull_severity_to_string(LullSeverity severity);

/* Adds one to @findings, for lull_finding_say() to fill. */
LullFinding *lull_finding_add(GPtrArray *findings, const char *check, LullSeverity severity);

/* Sets *@place, a text of a finding. */
void lull_finding_say(char **place, const char *format, ...) G_GNUC_PRINTF(2, 3);
void lull_finding_free(LullFinding *self);

G_END_DECLS
