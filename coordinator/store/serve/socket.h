/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A unix socket that listens: mode 0660 from its first moment, group @group where it exists (NULL: leave
 * it). A socket left there by a dead server goes; BUSY if one answers on it, INVALID if the path is too
 * long, FAILED if something else is there. */
GSocket *lull_socket_listen(const char *path, const char *group, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
