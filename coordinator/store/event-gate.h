/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How much is told of one object where each event costs others: a cluster's API server, whose own components
 * keep to the same. It decides by what it was asked before and does nothing itself; times are of any clock
 * that does not go back. Not for several threads at once. */
typedef struct _LullEventGate LullEventGate;

typedef struct {
    guint burst;         /* events of one object at once, and */
    gint64 refill;       /* one more after each of these */
    guint similar;       /* texts for one reason, */
    gint64 similar_span; /* without a pause of this: beyond, they are one event */
    guint objects;       /* remembered; who was silent longest is forgotten, and so may say more */
} LullEventGateLimits;

extern const LullEventGateLimits lull_event_gate_usual; /* those of Kubernetes' own components */

typedef enum {
    LULL_EVENT_GATE_TELL = 0,
    LULL_EVENT_GATE_COMBINE, /* with others of this reason, as one event whose text changes */
    LULL_EVENT_GATE_HUSH     /* not at all */
} LullEventGateVerdict;

LullEventGate *lull_event_gate_new(const LullEventGateLimits *limits) G_GNUC_WARN_UNUSED_RESULT;
void lull_event_gate_free(LullEventGate *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullEventGate, lull_event_gate_free)

/* An event of the object @uid that says @text for @reason. */
LullEventGateVerdict
lull_event_gate_ask(LullEventGate *self, const char *uid, const char *reason, const char *text, gint64 now);

G_END_DECLS
