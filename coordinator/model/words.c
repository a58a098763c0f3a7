/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/words.h"

char *
lull_words(const char *text, gsize max)
{
    g_autofree char *copy = g_strndup(text, max);

    for (char *each = copy; *each; each++)
        if (g_ascii_iscntrl(*each))
            *each = ' ';
    return g_utf8_make_valid(copy, -1); /* it may have been cut inside a character */
}
