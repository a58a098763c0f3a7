/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* Where a snapshot or restore stands, read from the object alone. */

typedef enum {
    LULL_OUTCOME_PENDING = 0,
    LULL_OUTCOME_DONE,
    LULL_OUTCOME_BELOW, /* done, but at a lower level than the object asks for */
    LULL_OUTCOME_FAILED,
} LullOutcome;

/* *@ret_reason (lent, may be NULL): FAILED and BELOW: why; DONE: NULL. */
LullOutcome lull_outcome_of(const LullKind *kind, LullJson *object, const char **ret_reason);

typedef struct {
    const char *step;    /* "preparing", "frozen", "copying", ...; lent */
    const char *waiting; /* what it waits for, or NULL; lent */
    gint permille;       /* < 0: not known */
    guint64 bytes;       /* so far, of */
    guint64 of_bytes;    /* 0: not known */
} LullProgress;

/* From the progress annotation, else as far as phase and conditions tell. */
LullProgress lull_progress_of(const LullKind *kind, LullJson *object);

G_END_DECLS
