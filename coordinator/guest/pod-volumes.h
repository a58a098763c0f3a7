/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Has the node write to their storage what it still keeps in memory of a pod's volumes, those that outlive
 * the pod: a cut of one has what a TPM had stored by then. @pod_directory: the kubelet's, for that pod.
 * Whatever that storage does, it is waited for @budget_usec at most. LOST: there is no such volume to be
 * seen; TIMED_OUT; FAILED: the storage refused. */
gboolean lull_pod_volumes_sync(const char *pod_directory, gint64 budget_usec, GError **error);

G_END_DECLS
