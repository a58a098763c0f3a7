/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Made where it is missing, and ours alone as long as the descriptor that is returned is open: two
 * coordinators would thaw each other's guests. -1: LULL_ERROR_BUSY, or it cannot be had. */
int lull_state_dir_take(const char *path, GError **error);

gboolean lull_make_directory(const char *path, int mode, GError **error);

G_END_DECLS
