/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a snapshot is, as requests ask for it and reports say it; each stands above those before it. */
typedef enum {
    LULL_LEVEL_CRASH = 0, /* as after a power cut */
    LULL_LEVEL_FS,        /* file systems were held still */
    LULL_LEVEL_APP,       /* applications took part */
    LULL_LEVEL_STOPPED,   /* the machine was off: satisfies any requirement, and cannot be asked for */
    LULL_LEVEL_N
} LullLevel;

const char *lull_level_to_string(LullLevel level); /* "fs"; "crash" out of range */

/* What may be required: app, fs, crash. FALSE: @text is none of these. */
gboolean lull_level_parse(const char *text, LullLevel *ret_level);

gboolean lull_level_satisfies(LullLevel level, LullLevel required);

G_END_DECLS
