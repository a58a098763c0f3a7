/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/attempt.h"
#include "tests/unit/reconcile/fake-guest.h"

G_BEGIN_DECLS

/* One attempt at "larry", whose guest is fake.h's, as an order of these says. All of it is empty at first. */
typedef struct {
    char *dir; /* of the notes */
    LullIntents *intents;
    LullClaims *claims;
    GCancellable *cancel;
    LullMetrics *metrics; /* NULL: nobody counts */
    gint64 deadline;
    const char *promised; /* names of volumes; NULL: none */
    gboolean by_claim;
    const char *excluded; /* by the user; NULL: none */
    LullJson *earlier;    /* report of an attempt to quiesce in vain; NULL: this is the first */
    GString *waits;       /* all that it said it waited for, "-" for nothing more, each with a semicolon */
} Trial;

extern Trial trial;

void trial_setup(void);
void trial_teardown(void);

/* Whatever comes of it, the guest is let go, and nothing stays noted or claimed. */
LullAttemptOutcome *attempt(LullLevel require, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Notes that there are. */
guint count_intents(void);

/* No file grows any more, as on a disk that is full, until the next attempt is over. */
void fill_disk(void);

/* Replaces each note by what cannot be removed like one. */
void block_removal(void);

/* Directories among them. */
void drop_notes(void);

G_END_DECLS
