/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/metrics/endpoint.h"

G_BEGIN_DECLS

/* All that a daemon needs to be looked at; all NULL where nobody asked for that, which all that takes one of
 * these takes too. */
typedef struct {
    LullMetrics *metrics;
    LullHealth *health;
    LullEndpoint *endpoint;
} LullOutlook;

/* Serves from now on, not ready before lull_outlook_ready(). @listen: NULL: nowhere. @limit: how long the
 * main loop, which runs @context, may stand still; 0: the default. */
gboolean
lull_outlook_open(LullOutlook *self, const char *listen, gint64 limit, GMainContext *context, GError **error);
void lull_outlook_ready(LullOutlook *self, gboolean ready);
const char *lull_outlook_address(const LullOutlook *self); /* NULL: nowhere */

/* First nobody is told any more, before that goes which health is asked of; in the end, after all who count,
 * the figures. */
void lull_outlook_close(LullOutlook *self);
void lull_outlook_clear(LullOutlook *self);

G_END_DECLS
