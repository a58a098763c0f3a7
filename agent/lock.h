/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One agent to a state folder: a second one would take a living agent's freeze for one left behind. Makes
 * @folder, locks agent.lock in it, and keeps that for the life of the process and of one that it goes on
 * in (fork). Waits a little for an agent that is on its way out. LULL_ERROR_BUSY: one is alive. */
gboolean lull_lock_folder(const char *folder, GError **error);

G_END_DECLS
