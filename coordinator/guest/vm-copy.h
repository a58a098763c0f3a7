/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* The definition of a machine that is a copy of another one: both may run at the same time, and nobody takes
 * one for the other. Pure; all is lent. */

typedef struct {
    const char *name, *uuid;
    LullJson *disks;   /* {"vda": "/path"}: the file that a disk of that target device has, of its own */
    const char *nvram; /* its own; NULL: none */
    LullJson *patches; /* of the restore: coordinator/model/host-patch.h; NULL: none */
} LullVmCopy;

/* Of @xml, an inactive definition. MAC addresses, generation id and serial numbers of the firmware are left
 * to libvirt, or as patched; so are files, sockets and ports of the host that two machines cannot have.
 * UNSUPPORTED: it has what cannot be copied (a TPM, a disk or NVRAM that is not in @wanted, what belongs to
 * the host), or what is not known here. INVALID: it is no domain, or a patch does not fit it. */
char *lull_vm_copy(const char *xml, const LullVmCopy *wanted, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
