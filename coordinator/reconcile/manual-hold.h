/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/reconcile/claims.h"
#include "coordinator/reconcile/intents.h"
#include "coordinator/store/serve/server.h"

G_BEGIN_DECLS

/* Freezes by hand: the subresources `freeze` {"unfreezeTimeout":"30s"}, `unfreeze` {"op"?} and `hold` (as
 * freeze, but answered by a stream: a line when the guest is frozen, one with the verdict when it is not any
 * more) of a virtual machine instance. Each held guest has a thread of its own, which lets go when it is
 * told, when the time is over, when who asked for a hold closes the connection, or when this goes. A guest
 * that an attempt holds is refused, and the reverse. */
typedef struct _LullManualHolds LullManualHolds;

/* All lent. */
LullManualHolds *
lull_manual_holds_new(LullHost *host, LullIntents *intents, LullClaims *claims) G_GNUC_WARN_UNUSED_RESULT;

/* Before it serves: guests that are held count as frozen. Lent; NULL: nobody counts. */
void lull_manual_holds_set_metrics(LullManualHolds *self, LullMetrics *metrics);

/* Registers the subresources; requests come, and are answered, on @context, the server's. */
void lull_manual_holds_serve(LullManualHolds *self, LullServer *server, GMainContext *context);

/* Thaws all and waits for that, bounded by the holds; then answers whoever still waits, so before the server
 * goes, and on its context. */
void lull_manual_holds_free(LullManualHolds *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullManualHolds, lull_manual_holds_free)

G_END_DECLS
