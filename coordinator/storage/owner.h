/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* QEMU often runs as a user of its own, and not every libvirt gives it the files that it is handed. */

/* Lets whoever may write to @like (a disk's image) write to @path, too, if only root may by now. */
gboolean lull_owner_lend(const char *path, const char *like, GError **error);

/* The same for a folder, to make files in. */
gboolean lull_owner_lend_folder(const char *path, const char *like, GError **error);

G_END_DECLS
