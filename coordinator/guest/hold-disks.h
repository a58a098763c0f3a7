/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/vm.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* By what the guest knows its disks, and which of them our agent is asked for. Pure. */

/* [{name, serial?, pci?, scsi?, excluded?, writable?}] of all volumes of @vm. */
LullJson *lull_guest_hold_identities(const LullVm *vm) G_GNUC_WARN_UNUSED_RESULT;

/* The disks that must stand still, [{serial?, pci?, scsi?}]; NULL: all of the guest's. All is the rule, since
 * a guest knows not of every file system on which disk it is: only a volume left out to which the guest can
 * write is worth a narrower question, and only where each of the others can be named. */
LullJson *lull_guest_hold_disks_to_ask(LullJson *identities) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
