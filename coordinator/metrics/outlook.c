/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/metrics/outlook.h"

gboolean
lull_outlook_open(LullOutlook *self, const char *listen, gint64 limit, GMainContext *context, GError **error)
{
    if (!listen)
        return TRUE;
    self->metrics = lull_metrics_new();
    self->health = lull_health_new(limit);
    lull_outlook_ready(self, FALSE);
    lull_health_listen(self->health, context);
    self->endpoint = lull_endpoint_new(listen, self->metrics, self->health, error);
    return self->endpoint != NULL;
}

void
lull_outlook_ready(LullOutlook *self, gboolean ready)
{
    lull_health_say(self->health, "process", ready ? NULL : "it is about to start, or to end");
}

const char *
lull_outlook_address(const LullOutlook *self)
{
    return self->endpoint ? lull_endpoint_address(self->endpoint) : NULL;
}

void
lull_outlook_close(LullOutlook *self)
{
    g_clear_pointer(&self->endpoint, lull_endpoint_free);
    g_clear_pointer(&self->health, lull_health_free);
}

void
lull_outlook_clear(LullOutlook *self)
{
    lull_outlook_close(self);
    g_clear_pointer(&self->metrics, lull_metrics_free);
}
