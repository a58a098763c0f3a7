/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/text.h"

#include <string.h>

#include "protocol/clock.h"

#define MAX_NEAR  3
#define MAX_WORD  64 /* longer names are not compared */
#define MAX_CLEAN 16384

static guint
char_width(gunichar c)
{
    if (g_unichar_iszerowidth(c))
        return 0;
    return g_unichar_iswide(c) ? 2 : 1;
}

static gunichar
harmless(gunichar c)
{
    switch ((int)g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return c == '\n' || c == '\t' || c == '\r' ? ' ' : '?';
    case G_UNICODE_FORMAT: /* direction overrides and the like */
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_UNASSIGNED:
        return '?';
    default:
        return c;
    }
}

char *
lull_text_clean(const char *text, guint max_columns)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, MAX_CLEAN));
    g_autoptr(GString) line = g_string_new(NULL);
    guint columns = 0;
    gsize room_end = 0; /* where "..." still fits */

    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        const gunichar c = harmless(g_utf8_get_char(at));

        columns += char_width(c);
        if (max_columns && columns > max_columns) {
            g_string_truncate(line, room_end);
            g_string_append_len(line, "...", MIN(max_columns, 3));
            break;
        }
        g_string_append_unichar(line, c);
        if (columns + 3 <= max_columns)
            room_end = line->len;
    }
    return g_string_free(g_steal_pointer(&line), FALSE);
}

guint
lull_text_width(const char *text)
{
    guint columns = 0;

    for (const char *at = text; *at; at = g_utf8_next_char(at))
        columns += char_width(g_utf8_get_char(at));
    return columns;
}

void
lull_text_append_padded(GString *line, const char *text, guint columns)
{
    const guint width = lull_text_width(text);

    g_string_append(line, text);
    for (guint i = width; i < columns; i++)
        g_string_append_c(line, ' ');
}

/* Edits (insert, delete, replace, swap of neighbours) from @a to @b; both shorter than MAX_WORD. */
static guint
distance(const char *a, const char *b)
{
    guint rows[3][MAX_WORD + 1];
    const guint la = (guint)strlen(a), lb = (guint)strlen(b);

    for (guint j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (guint i = 1; i <= la; i++) {
        guint *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];

        row[0] = i;
        for (guint j = 1; j <= lb; j++) {
            row[j] = MIN(MIN(above[j] + 1, row[j - 1] + 1), above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[la % 3][lb];
}

GPtrArray *
lull_text_near(const char *word, const char *const *names)
{
    GPtrArray *near = g_ptr_array_new_with_free_func(g_free);
    const guint limit = MAX((guint)strlen(word) / 3, 1);

    if (strlen(word) > MAX_WORD)
        return near;
    for (guint wanted = 0; wanted <= limit; wanted++)
        for (gsize i = 0; names[i] && near->len < MAX_NEAR; i++)
            if (strlen(names[i]) <= MAX_WORD && distance(word, names[i]) == wanted)
                g_ptr_array_add(near, g_strdup(names[i]));
    for (gsize i = 0; names[i] && near->len < MAX_NEAR; i++)
        if (strlen(word) >= 3 && g_str_has_prefix(names[i], word) && strlen(names[i]) <= MAX_WORD &&
            distance(word, names[i]) > limit)
            g_ptr_array_add(near, g_strdup(names[i]));
    return near;
}
