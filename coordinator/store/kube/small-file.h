/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A regular file of at most @max bytes, NUL-terminated. @ret_length may be NULL. NOT_FOUND, DENIED, INVALID
 * (it is something else, or larger), FAILED. */
char *lull_small_file_read(const char *path, gsize max, gsize *ret_length,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
