/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

typedef struct {
    const char *plural;
    gboolean absence; /* that there is none is given again, too: no data go by it */
} LullRecentKind;

/* A store in front of one that is far away. What that answered about an object within the last @fresh
 * usec is given without asking again, unless a watch that somebody has through it told that there is more to
 * know: so a look, a write and the next look need not read the same objects each.
 *
 * What is given is never older than what was given before, nor than an event that was handed to anybody, and
 * after a write it is what that write made of it. What does not exist is always asked for, unless its kind
 * says otherwise, and so is anything whose write failed. Only @kinds (one without a name ends; names are
 * static) while somebody watches them, and of these few objects at a time.
 *
 * For who writes under the resourceVersion that he has read, and is told of what changes: for nobody else
 * that is nothing. */
LullStore *lull_store_recent_new(LullStore *take_inner, const LullRecentKind *kinds,
                                 gint64 fresh) G_GNUC_WARN_UNUSED_RESULT;

/* The same store, but that every get asks; what it learns the other one knows. Not longer than that one. */
LullStore *lull_store_recent_asking(LullStore *recent) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
