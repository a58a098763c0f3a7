/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/level.h"

static const char *const names[] = {
    [LULL_LEVEL_CRASH] = "crash",
    [LULL_LEVEL_FS] = "fs",
    [LULL_LEVEL_APP] = "app",
    [LULL_LEVEL_STOPPED] = "stopped",
};
G_STATIC_ASSERT(G_N_ELEMENTS(names) == LULL_LEVEL_N);

const char *
lull_level_to_string(LullLevel level)
{
    return names[(guint)level < LULL_LEVEL_N ? level : LULL_LEVEL_CRASH];
}

gboolean
lull_level_parse(const char *text, LullLevel *ret_level)
{
    for (int level = LULL_LEVEL_CRASH; text && level <= LULL_LEVEL_APP; level++) {
        if (!g_str_equal(text, names[level]))
            continue;
        *ret_level = (LullLevel)level;
        return TRUE;
    }
    return FALSE;
}

gboolean
lull_level_satisfies(LullLevel level, LullLevel required)
{
    return level >= required;
}
