/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/guest/host.h"
#include "coordinator/guest/link.h"
#include "coordinator/guest/vm.h"
#include "coordinator/storage/chain-plan.h"

G_BEGIN_DECLS

/* What is to be stored is copied before the guest is frozen; at the cut only what changed while that went on
 * is left. While QEMU copies much at once, or writes out what it has copied, a write of the guest waits
 * behind it: with a freeze before and a thaw behind, that would be one standstill. */

/* Fills the targets of @plan below @folder, those that are worth it, and notes in @plan which, and up to
 * which checkpoint. Blocks until all is copied and closed, until @cancel, or until @until, as the storage's
 * prepare() has it. Where it cannot be done, or not in time, all is left for the cut, which is no failure. On
 * failure, unless libvirt is away, no job runs any more, and no checkpoint of it is left: BUSY, another job
 * came in between. */
gboolean
lull_ahead_copy(LullHost *host, LullDomain *domain, const LullVm *vm, const char *folder, LullChainPlan *plan,
                const char *content_uid, guint attempt, gint64 until, GCancellable *cancel, GError **error);

/* Decides which targets of @plan are worth it, and how many are. Changes nothing else. */
guint lull_ahead_choose(LullChainPlan *plan, LullVmState state);

G_END_DECLS
