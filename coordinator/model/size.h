/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* @bytes for people: "1.5 GiB". For logs and API objects, which know no locale; GLib's own puts a no-break
 * space before the unit. */
char *lull_size_format(guint64 bytes) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
