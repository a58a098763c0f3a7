/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Goes to the background with a locked pid file; before any thread. The parent ends here, once the
 * child holds the lock, with the child's luck as its exit status. */
gboolean lull_background_enter(const char *pidfile, GError **error);

G_END_DECLS
