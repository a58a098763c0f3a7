/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What somebody else said, fit for an object, an error or a log: at most @max bytes of it, on one line, sound
 * UTF-8 (each byte that is none becomes three). */
char *lull_words(const char *text, gsize max) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
