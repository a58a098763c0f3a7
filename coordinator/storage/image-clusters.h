/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes that what a raw image has takes up in a qcow2: whole clusters, of which one is taken up by its first
 * block already. 0: it is not known, as of a device, or of one in very many pieces. */
guint64 lull_image_clusters(const char *path);

G_END_DECLS
