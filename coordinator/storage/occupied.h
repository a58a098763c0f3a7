/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"

G_BEGIN_DECLS

/* Whether a machine that libvirt does not know any more can have again what it had: no other domain has its
 * @name, and none, running or not, has any of @paths (char *, absolute; of disks and NVRAM, there or not), be
 * it by a storage pool.
 * INVALID: who has what, and what to do. @uid: its own. */
gboolean
lull_occupied_check(LullLink *link, const char *uid, const char *name, GPtrArray *paths, GError **error);

/* Whether both lead to the same file or device; of files that are not there, to the same name in the same
 * folder. */
gboolean lull_occupied_is_same(const char *a, const char *b);

G_END_DECLS
