/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdatomic.h>

#include "coordinator/metrics/metrics.h"
#include "coordinator/store/kube/config.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* A cluster's API server as a store. Beyond what store.h says:
 *
 * - Objects come without managedFields; create gives an object without namespace the configuration's.
 * - A watch that begins with everything goes on whatever happens to the server, and says in the log why it
 * does not get on; a deletion that it did not see itself comes as an object with nothing but its identity.
 * - Whether a version is too old a server may find out only after it has agreed to the watch: then EXPIRED
 *   comes as the first event, an ERROR. One that is yet to come is not found out.
 * - Deleting an object that an earlier try of the same call may have deleted succeeds. */
LullStore *lull_store_kube_new(LullKubeConfig *take_config, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Would it be created? All of it is done, admission and quotas too, but keeping it. @self: of this file. */
LullJson *lull_store_kube_try_create(LullStore *self, const LullKind *kind, LullJson *object,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* When all calls are over, those under way too (boot clock; a second more, for one that waits for an answer):
 * somebody has to end, and waits for no server any more. 0: nobody has to. Any thread may set it, once. */
typedef _Atomic gint64 LullKubeEnd;

/* How much may wait, and how long a call may take. Zero: the default. */
typedef struct {
    guint max_pending;      /* events that one watch may have waiting */
    gint64 patience;        /* with one call, repetitions included */
    LullMetrics *metrics;   /* lent, for who counts requests; NULL: nobody does */
    const LullKubeEnd *end; /* lent; NULL: there is none */
} LullKubeLimits;

LullStore *lull_store_kube_new_with(LullKubeConfig *take_config, const LullKubeLimits *limits,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
