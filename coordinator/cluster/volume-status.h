/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/loop.h"

G_BEGIN_DECLS

/* What a machine's status says of its volumes: whether each could be snapshotted, and why not. KubeVirt's
 * controller writes it wherever it runs; where the group is ours and it does not, the leader does. */
typedef struct {
    LullStore *store;
} LullVolumeStatuses;

/* VirtualMachines as they stand, without what machine-store.h makes of them, whose status that is. */
extern const LullKind lull_kind_plain_machine;

/* LullPassFunc; @statuses: a LullVolumeStatuses. */
gboolean lull_volume_status_pass(gpointer statuses, const char *ns, const char *name, LullPass *ret_pass,
                                 GError **error);

/* All classes and profiles, its claims and DataVolumes; LullRefsFunc. */
GStrv lull_volume_status_refs(LullJson *vm);

G_END_DECLS
