/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* The report of a freeze (annotation lull.dev/quiesce-report) as the command line shows it. Guests had a
 * hand in it: it is read with types and bounds, what does not fit counts as not said. */

typedef struct {
    char *name;     /* volume, mountpoint or writer */
    char *kind;     /* of a file system: its type; of a volume: the disk */
    char *result;   /* of a file system or writer; "" for volumes */
    char *reason;   /* reason or message; of a volume: how it was copied; "" */
    double at_ms;   /* volume: when its cut was known; < 0: not said */
    double hold_ms; /* writer; < 0: not said */
} LullReportRow;

typedef struct {
    char *agent; /* "" without one */
    char *level, *require, *proof, *proof_by, *proof_reason, *witness;
    gboolean atomic;
    gboolean measured;                                        /* the window; FALSE: an upper bound */
    double prepare_ms, freeze_ms, cut_ms, thaw_ms, window_ms; /* < 0: not said */
    GPtrArray *volumes, *excluded, *filesystems, *writers;    /* of LullReportRow */
    gint64 omitted;                                           /* rows that did not fit into the report */
} LullReport;

#define LULL_REPORT_MAX_BYTES (64 * 1024)
#define LULL_REPORT_MAX_ROWS  256
#define LULL_REPORT_MAX_MS    1e9

/* LULL_ERROR_INVALID where it is no report at all. */
LullReport *lull_report_read(const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Of an object; NULL without an error where it has none. */
LullReport *lull_report_of(LullJson *object, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_report_free(LullReport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullReport, lull_report_free)

/* How much a level promises: unknown words and "" 0, crash 1, fs 2, app 3; stopped satisfies any. */
guint lull_level_rank(const char *level);

/* One plain sentence each, NULL for a word that is not known. Lent. */
const char *lull_level_meaning(const char *level);
const char *lull_proof_meaning(const char *proof);
const char *lull_witness_meaning(const char *witness);

G_END_DECLS
