/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/vm.h"

G_BEGIN_DECLS

/* A machine of a cluster that is off, which no host knows: what its content promises of it, the volumes in
 * their order. Whoever switched it off let its guest end: there is no other way that leaves no instance and
 * claims nobody uses. Pure. */
LullVm *lull_vm_of_content(LullJson *content) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
