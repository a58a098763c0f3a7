/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* The volumes of a VirtualMachine object, live or captured in a content. Everything returned is lent. */

LullJson *lull_volumes_of(LullJson *vm); /* array; NULL: none */

/* Its entry in status.volumeSnapshotStatuses; NULL: the VM has no such volume. */
LullJson *lull_volume_status(LullJson *vm, const char *name);

/* Does the guest keep data on it that would be missed? Of a type whose volumes can be saved at all, whether
 * this one can or not: no drive for media, nothing read-only or transient. */
gboolean lull_volume_keeps_data(LullJson *volume);

G_END_DECLS
