/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/jobs.h"
#include "coordinator/storage/storage.h"
#include "coordinator/store/serve/server.h"

G_BEGIN_DECLS

/* `lull verify`: PUT on .../virtualmachinesnapshots/NAME/verify reads all that a snapshot has stored and
 * answers
 * {"files", "bytes", "findings": [{"file", "problem"}]}. It goes on for as long as its client waits for it.
 */
typedef struct _LullVerifications LullVerifications;

/* All lent. */
LullVerifications *
lull_verifications_new(LullStore *store, LullStorage *storage, LullJobs *jobs) G_GNUC_WARN_UNUSED_RESULT;
void lull_verifications_serve(LullVerifications *self, LullServer *server, GMainContext *context);

/* After the jobs have ended. */
void lull_verifications_free(LullVerifications *self);

G_END_DECLS
