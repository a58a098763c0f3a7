/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/doctor/cluster-facts.h"
#include "coordinator/store/client/client.h"

G_BEGIN_DECLS

/* Reads what there is of a cluster, with the user's own rights, and changes nothing. @names: machines of the
 * namespace @ns, NULL: all; they stay the caller's and must outlive the facts. NOT_FOUND: one that is named
 * is not there. What may not be read is a fact; a server that does not answer, or does not know the user, an
 * error. */
LullClusterFacts *lull_cluster_look(LullClient *client, const char *ns, char *const *names,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
