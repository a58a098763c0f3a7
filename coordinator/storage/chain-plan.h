/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"
#include "coordinator/guest/vm.h"
#include "coordinator/storage/chain.h"

G_BEGIN_DECLS

/* How each volume of one attempt is copied, decided before the freeze. Volumes that are excluded do not
 * count: arrays are in the order of the others. */
typedef struct {
    char *parent;     /* uid of the content that some volume is based on; NULL: none is */
    char *base;       /* its checkpoint */
    char *checkpoint; /* to be made with the cut; NULL: none */
    guint n;
    LullChainKind *kinds;
    guint64 *bytes; /* to be copied: what changed since, or all that the volume has */
} LullChainPlan;
void lull_chain_plan_free(LullChainPlan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullChainPlan, lull_chain_plan_free)

/* Asks the machine and the stored contents below @directory, to which nobody adds meanwhile.
 * @capacities, @allocated: bytes of the volumes. Removes what checkpoints of ours are of no use any more. */
LullChainPlan *
lull_chain_plan_new(LullDomain *domain, const LullVm *vm, const char *directory, const guint64 *capacities,
                    const guint64 *allocated, const char *content_uid, guint attempt, gboolean distrusted,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* <domaincheckpoint>; NULL: none is to be made. */
char *lull_chain_plan_checkpoint_xml(const LullChainPlan *self, const LullVm *vm) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
