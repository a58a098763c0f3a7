/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* QEMU often runs as a user of its own, and not every libvirt gives it the files that it is handed. */

/* Lets whoever may write to @like (a disk's image) write to @path, too, if only root may by now. */
gboolean lull_owner_lend(const char *path, const char *like, GError **error);

/* And nobody but us again. */
gboolean lull_owner_take_back(const char *path, GError **error);

G_END_DECLS
