/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/freeze-api.h"
#include "coordinator/store/kube/config.h"

G_BEGIN_DECLS

/* KubeVirt's subresources `freeze` and `unfreeze` of a machine that runs, by the cluster's API server, which
 * passes them on to it. On connections of its own. */
typedef struct _LullFreezeCalls LullFreezeCalls;

LullFreezeCalls *lull_freeze_calls_new(LullKubeConfig *take_config, LullFreezeUse use,
                                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_freeze_calls_free(LullFreezeCalls *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullFreezeCalls, lull_freeze_calls_free)

const LullFreezeApi *lull_freeze_calls_api(const LullFreezeCalls *self); /* lent */

G_END_DECLS
