/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What tells an image that was written to from one that was not, also after this process has been away: the
 * file's number, size and time of last change, and those of all that is behind it. An owner or a mode may
 * change: starting a machine changes these even where it fails. NULL: nothing would tell, as of a block
 * device. Taken under a lock that keeps writers off, since a change in the same tick would not show. */
char *lull_image_mark(const char *path, const char *format) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
