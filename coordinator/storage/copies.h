/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/image.h"
#include "coordinator/storage/storage.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* The copying after a cut, each on a thread of its own, known by the folder it writes to. How one ended is
 * written into the description of its attempt. May be used from any thread. */
typedef struct _LullCopies LullCopies;

typedef struct {
    /* All of it, on the copy's thread; @work is its own. @attempt: the description, which may be added to:
     * it is written down afterwards. */
    gboolean (*run)(gpointer work, const char *folder, LullJson *attempt, LullImageProgress progress,
                    gpointer user_data, GCancellable *cancel, GError **error);
    /* What is to be done once its end is written down, on the same thread. Until it was, which is tried as
     * long as it takes, the copy is told of as one that runs. NULL: nothing. */
    gboolean (*ended)(gpointer work, const char *folder, LullJson *attempt, GError **error);
    void (*free)(gpointer work); /* as soon as it is not needed; NULL: @work is lent */
    /* Two are at work at a time; the others wait in the order in which they came. */
    gboolean in_turn;
} LullCopyKind;

LullCopies *lull_copies_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_copies_free(LullCopies *self); /* those that run are interrupted */

/* Begins one, or leaves it to the one that is under way there. @kind: static. FALSE: there are too many
 * threads just now. */
gboolean lull_copies_start(LullCopies *self, const char *folder, const LullCopyKind *kind, gpointer take_work,
                           GError **error);

/* FALSE: there is none. One that has ended is told of once. */
gboolean lull_copies_look(LullCopies *self, const char *folder, LullCopyProgress *ret_progress);

/* Is one under way there, or has it ended untold? */
gboolean lull_copies_has(LullCopies *self, const char *folder);

/* Interrupts those that write below @below, "<folder>/" or the start of several, and waits for their ends. */
void lull_copies_stop(LullCopies *self, const char *below);

G_END_DECLS
