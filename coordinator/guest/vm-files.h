/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The files and devices that a domain's XML names as what its disks are on, or based on, and as its NVRAM:
 * absolute paths, some perhaps twice, as they stand there. Pure; hostile input gives an error. */
GPtrArray *lull_vm_files(const char *xml, GError **error) G_GNUC_WARN_UNUSED_RESULT; /* of char * */

/* Likewise those that it names by a pool of libvirt's: POOL, VOLUME, POOL, VOLUME ... Both are never empty.
 */
GPtrArray *lull_vm_volumes(const char *xml, GError **error) G_GNUC_WARN_UNUSED_RESULT; /* of char * */

G_END_DECLS
