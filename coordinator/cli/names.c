/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/names.h"

#include <string.h>

#include "coordinator/model/api-group.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define MAX_NAME 253
#define ROOM     19 /* "-YYYYMMDD-HHMMSS", and "-NN" */

static const struct {
    const LullKind *kind;
    const char *word;
} words[] = {
    {&lull_kind_snapshot, "snapshot"},
    {&lull_kind_restore, "restore"},
    {&lull_kind_vm, "vm"},
    {&lull_kind_content, "content"},
};

char *
lull_names_generate(const char *vm, gint64 now)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(now / LULL_SEC(1));
    g_autofree char *stamp = g_date_time_format(when, "-%Y%m%d-%H%M%S");
    g_autofree char *base = g_strndup(vm, MAX_NAME - ROOM);

    for (gsize n = strlen(base); n && (base[n - 1] == '.' || base[n - 1] == '-'); n--)
        base[n - 1] = '\0';
    return g_strconcat(base, stamp, NULL);
}

char *
lull_names_next(const char *generated, guint n)
{
    return n < 2 ? g_strdup(generated) : g_strdup_printf("%s-%u", generated, n);
}

const char *
lull_names_word(const LullKind *kind)
{
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (words[i].kind == kind)
            return words[i].word;
    return kind->singular;
}

gboolean
lull_names_check(const char *what, const char *name, GError **error)
{
    if (lull_name_is_valid(name))
        return TRUE;
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_INVALID,
        "%s, \"%s\": not a valid name; use lower case letters, digits, '-' and '.', beginning and ending "
        "with a letter or digit, at most %d characters",
        what, name, MAX_NAME);
    return FALSE;
}

static gboolean
kind_is_called(const LullKind *kind, const char *word)
{
    if (g_str_equal(word, lull_names_word(kind)) || g_str_equal(word, kind->plural) ||
        g_str_equal(word, kind->singular))
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(kind->short_names) && kind->short_names[i]; i++)
        if (g_str_equal(word, kind->short_names[i]))
            return TRUE;
    return FALSE;
}

/* A cluster may have the kinds of snapshots in another group. */
static gboolean
is_group_of(const LullKind *kind, const char *group)
{
    return g_str_equal(kind->group, group) ||
           (g_str_equal(kind->group, LULL_GROUP_SNAPSHOT) && lull_api_group_by_name(group));
}

static const LullKind *
kind_by_word(const char *word)
{
    const char *dot = strchr(word, '.');
    g_autofree char *bare = dot ? g_strndup(word, (gsize)(dot - word)) : g_strdup(word);

    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (kind_is_called(*kind, bare) && (!dot || is_group_of(*kind, dot + 1)))
            return *kind;
    return NULL;
}

gboolean
lull_names_split(const char *text, const LullKind **ret_kind, const char **ret_name, GError **error)
{
    const char *slash = strchr(text, '/');
    g_autofree char *word = slash ? g_strndup(text, (gsize)(slash - text)) : NULL;
    const char *name = slash ? slash + 1 : text;
    const LullKind *kind = word ? kind_by_word(word) : NULL;

    if (word && !kind) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "%s: \"%s\" is no kind of object; say snapshot/NAME or restore/NAME", text, word);
        return FALSE;
    }
    if (!lull_names_check("name", name, error))
        return FALSE;
    *ret_kind = kind;
    *ret_name = name;
    return TRUE;
}
