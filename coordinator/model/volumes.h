/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* The volumes of a VirtualMachine object, live or captured in a content. */

/* An array, new, of those of its spec (lent by @vm) in their order. What a TPM holds is the last: no member
 * of spec.volumes, as the reference has it, but data that a snapshot may lack. Empty where @vm is NULL. */
LullJson *lull_volumes_of(LullJson *vm) G_GNUC_WARN_UNUSED_RESULT;

/* Under which name what the TPM of a machine holds is told of; at most 63 characters. */
char *lull_volume_of_tpm(const char *vm) G_GNUC_WARN_UNUSED_RESULT;

/* Does the VM, live or captured, have one? */
gboolean lull_volumes_have_tpm(LullJson *vm);

/* Its entry in status.volumeSnapshotStatuses, lent; NULL: the VM has no such volume. */
LullJson *lull_volume_status(LullJson *vm, const char *name);

/* The name that a volume's snapshot has in an attempt, where the content tells @name: the same in the first
 * (and 0), then "NAME.2". No volume's name has a dot. */
char *lull_volume_snapshot_name(const char *name, guint attempt) G_GNUC_WARN_UNUSED_RESULT;

/* Does the guest keep data on it that would be missed? Of a type whose volumes can be saved at all, whether
 * this one can or not: no drive for media, nothing read-only or transient. */
gboolean lull_volume_keeps_data(LullJson *volume);

G_END_DECLS
