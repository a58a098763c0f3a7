/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/event-gate.h"
#include "coordinator/store/event.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Tells people what became of objects, as Events in a store: any that keeps lull_kind_event. The same again
 * counts up and moves lastTimestamp. Best effort: whoever tells goes on whether or not it could be kept, and
 * what a crash swallows is not told again. Any thread. */
typedef struct _LullRecorder LullRecorder;

typedef struct {
    /* what is kept, or remembered where others keep it; the oldest goes first */
    guint per_object;
    guint overall;
    gint64 age; /* since it happened last */
    /* 0: the store is our own, and whoever records waits for it. Else it is a cluster's: so many events may
     * wait for a thread that writes them, more are dropped; the server itself removes what is old; and others
     * have events there too, so that nothing is listed and nothing removed. */
    guint waiting;
    gint64 linger; /* of those that wait: for how long they are still written when it ends */
    const LullEventGateLimits *gate; /* how much is told of one object; NULL: everything */
} LullRecorderLimits;

extern const LullRecorderLimits lull_recorder_of_cluster;

/* @limits NULL: the usual ones of a store of our own, where what there is of an earlier life counts too.
 * @store is lent. */
LullRecorder *lull_recorder_new(LullStore *store, const LullRecorderLimits *limits,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What waits is written before, unless the store fails or takes longer than it may linger. The event that is
 * being written is waited for, so that a store whose calls may take long makes this long too. */
void lull_recorder_free(LullRecorder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullRecorder, lull_recorder_free)

/* Of @object, which is @kind and has name, namespace and uid. @reason: one for machines; @message: for
 * people, cut where it is too long. @now: wall clock. */
void lull_recorder_record(LullRecorder *self, const LullKind *kind, LullJson *object, LullEventType type,
                          const char *reason, const char *message, gint64 now);

/* There is no such object any more. */
void lull_recorder_forget(LullRecorder *self, const LullKind *kind, const char *ns, const char *name);

/* Removes what is too old. */
void lull_recorder_sweep(LullRecorder *self, gint64 now);

G_END_DECLS
