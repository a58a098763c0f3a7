/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/metrics/health.h"
#include "coordinator/metrics/metrics.h"

G_BEGIN_DECLS

/* /metrics, /healthz and /readyz over HTTP, on a thread of its own: it answers while everything else stands
 * still, and whoever is at the other end costs bounded memory and time, none of it where guests are held. */
typedef struct _LullEndpoint LullEndpoint;

/* @listen: "127.0.0.1:9180", "[::1]:9180", "*:9180" (all addresses); port 0: any. INVALID: it is none. What
 * is lent must outlive it. */
LullEndpoint *lull_endpoint_new(const char *listen, LullMetrics *metrics, LullHealth *health,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_endpoint_free(LullEndpoint *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullEndpoint, lull_endpoint_free)

const char *lull_endpoint_address(const LullEndpoint *self); /* with the real port */

G_END_DECLS
