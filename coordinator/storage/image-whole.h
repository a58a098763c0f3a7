/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* TRUE if every cluster of the qcow2 at @path has been written in it: data, or zeroes written as such. A full
 * copy writes each cluster of its target once and leaves none out, so a target that was made empty and is
 * whole now has been copied to the end, whoever remembers it. FALSE proves nothing: not whole, or not to be
 * read. Blocks as long as the tables take to read. */
gboolean lull_image_is_whole(const char *path);

G_END_DECLS
