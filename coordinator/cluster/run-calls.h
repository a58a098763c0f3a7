/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/kube/config.h"
#include "coordinator/store/kube/kube.h"
#include "coordinator/store/kube/link.h"

G_BEGIN_DECLS

/* KubeVirt's subresources `stop` and `start` of a machine, by the cluster's API server, which passes them on
 * to it. Each only asks: what becomes of the machine is to be seen in its objects. On connections of its own.
 * @guard: whether this coordinator is still to ask; lent, NULL: it is. */
typedef struct _LullRunCalls LullRunCalls;

/* @end: lent; NULL: there is none. What it cuts off is asked again in the next life. */
LullRunCalls *lull_run_calls_new(LullKubeConfig *take_config, const LullKubeEnd *end,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_run_calls_free(LullRunCalls *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullRunCalls, lull_run_calls_free)

/* One that is off, on its way there, or not there at all is as it is to be. One that is always to run is
 * halted by it (its run strategy), any other keeps how it is run. */
gboolean lull_run_calls_stop(LullRunCalls *self, const LullKubeGuard *guard, const char *ns, const char *name,
                             GError **error);

/* One that runs, or is about to, is as it is to be. NOT_FOUND: it is not there. */
gboolean lull_run_calls_start(LullRunCalls *self, const LullKubeGuard *guard, const char *ns,
                              const char *name, GError **error);

G_END_DECLS
