/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/kube/link.h"

G_BEGIN_DECLS

/* KubeVirt's subresources of machines, which the cluster's API server passes on to it. */

/* @path: lull_url_subresource(); @body: lent, NULL: none, and it may happen twice; @guard: lent, NULL: none.
 */
gboolean lull_subresources_put(LullKubeLink *link, const char *path, LullJson *body,
                               const LullKubeGuard *guard, gint64 patience, GError **error);

/* Does anybody serve them? That anybody may ask for. UNSUPPORTED: nobody; @remedy: what to do then. */
gboolean lull_subresources_served(LullKubeLink *link, gint64 patience, const char *remedy, GError **error);

G_END_DECLS
