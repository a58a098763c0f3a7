/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* What is told about one attempt: the annotation lull.dev/quiesce-report. Words and durations only; what it
 * may claim is decided elsewhere (reconcile/truth.h). Much of it comes from the guest, so every text is cut
 * to a length and rows give way when the whole would be too large. */

#define LULL_REPORT_VERSION       1
#define LULL_REPORT_FULL_BYTES    (16 * 1024) /* on the content: authoritative */
#define LULL_REPORT_TRIMMED_BYTES (4 * 1024)  /* on the snapshot */

/* All pointers are lent; NULL strings are written as "" (agent: null). Durations in microseconds, -1 unknown:
 * left out. */
typedef struct {
    const char *op;
    guint attempt;
    const char *agent;
    const char *level;
    const char *require;
    const char *proof;
    const char *proof_by;
    const char *proof_reason;
    const char *witness;
    gboolean atomic;
    gint64 prepare_usec;
    gint64 freeze_usec;
    gint64 cut_usec;
    gint64 thaw_usec;
    gint64 window_usec;
    gboolean window_measured;       /* FALSE: upper bound */
    const char *const *indications; /* NULL-terminated */
    GPtrArray *definition;          /* (char *): how the disks differ from the definition; NULL: not at all */
    LullJson *earlier;              /* of the last attempt that was quiesced in vain; NULL: none */
    LullJson *volumes;              /* rows {name, disk, cutReceivedAtMs?, storageTime, atomicGroup} */
    LullJson *excluded;             /* rows {name, reason} */
    LullJson *filesystems;          /* rows {mountpoint, type, volumes, result, reason}; NULL: none */
    LullJson *writers;              /* rows {name, result, required, holdMs, message, metadata}; NULL: none */
} LullReportFacts;

/* At most LULL_REPORT_FULL_BYTES as one line. Rows left out are counted in `omitted`. */
LullJson *lull_report_to_json(const LullReportFacts *report) G_GNUC_WARN_UNUSED_RESULT;

/* A copy of at most @max_bytes: metadata goes first, then rows of what went well, then rows. */
LullJson *lull_report_trim(LullJson *report, gsize max_bytes) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
