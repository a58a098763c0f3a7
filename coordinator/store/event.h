/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/model/kind.h"

G_BEGIN_DECLS

typedef enum { LULL_EVENT_NORMAL = 0, LULL_EVENT_WARNING } LullEventType;

/* What is to be told of @object, which is @kind and has name, uid, and perhaps a namespace. All lent. */
typedef struct {
    const LullKind *kind;
    LullJson *object;
    LullEventType type;
    const char *reason;  /* one for machines */
    const char *message; /* for people, cut where it is too long */
} LullEventText;

/* Where the events of an object of @ns are; NULL: of one that is in none, for which servers take one only. */
const char *lull_event_namespace(const char *ns);

/* An Event (lull_kind_event), which happened once, at @now of the wall clock. The same again has the same
 * name, so that it is found again without remembering more than names. */
LullJson *lull_event_new(const LullEventText *text, gint64 now) G_GNUC_WARN_UNUSED_RESULT;

/* One for all that is told of the object for this reason: the name is the same whatever the message. */
LullJson *lull_event_new_combined(const LullEventText *text, gint64 now) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
