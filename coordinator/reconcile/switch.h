/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/reconcile/jobs.h"
#include "coordinator/store/serve/server.h"

G_BEGIN_DECLS

/* `lull incremental`: PUT {"enabled": BOOL} on a machine's `incremental` writes into the domain's metadata
 * whether its snapshots hold only what changed, and answers the same once libvirt has it. Done by the
 * coordinator, with its own power over libvirt: whoever may use its socket may do as much. */
typedef struct _LullSwitches LullSwitches;

/* All lent. */
LullSwitches *lull_switches_new(LullHost *host, LullJobs *jobs) G_GNUC_WARN_UNUSED_RESULT;
void lull_switches_serve(LullSwitches *self, LullServer *server, GMainContext *context);

/* After the jobs have ended. */
void lull_switches_free(LullSwitches *self);

G_END_DECLS
