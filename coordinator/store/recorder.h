/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Tells people what became of objects, as Events in a store: any that keeps lull_kind_event. The same again
 * counts up and moves lastTimestamp. Best effort: whoever tells goes on whether or not it could be kept, and
 * what a crash swallows is not told again. Any thread; blocks in the store. */
typedef struct _LullRecorder LullRecorder;

/* What is kept; the oldest goes first. */
typedef struct {
    guint per_object;
    guint overall;
    gint64 age; /* since it happened last */
} LullRecorderLimits;

/* @limits NULL: the usual ones. @store is lent; what it has of an earlier life counts too. */
LullRecorder *lull_recorder_new(LullStore *store, const LullRecorderLimits *limits,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_recorder_free(LullRecorder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullRecorder, lull_recorder_free)

typedef enum { LULL_EVENT_NORMAL = 0, LULL_EVENT_WARNING } LullEventType;

/* Of @object, which is @kind and has name, namespace and uid. @reason: one for machines; @message: for
 * people, cut where it is too long. @now: wall clock. */
void lull_recorder_record(LullRecorder *self, const LullKind *kind, LullJson *object, LullEventType type,
                          const char *reason, const char *message, gint64 now);

/* There is no such object any more. */
void lull_recorder_forget(LullRecorder *self, const LullKind *kind, const char *ns, const char *name);

/* Removes what is too old. */
void lull_recorder_sweep(LullRecorder *self, gint64 now);

G_END_DECLS
