/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/output.h"

#include <string.h>

#include "coordinator/cli/table.h"
#include "coordinator/cli/text.h"
#include "coordinator/yaml/write.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define MAX_VALUE 200 /* columns of a fact */

static const char *const format_words[] = {
    [LULL_FORMAT_TABLE] = "table", [LULL_FORMAT_WIDE] = "wide", [LULL_FORMAT_JSON] = "json",
    [LULL_FORMAT_YAML] = "yaml",   [LULL_FORMAT_NAME] = "name",
};

gboolean
lull_format_parse(const char *word, LullFormat *ret_format, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(format_words); i++)
        if (g_str_equal(word, format_words[i])) {
            *ret_format = (LullFormat)i;
            return TRUE;
        }
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "-o, \"%s\": not a format; use table, wide, json, yaml or name", word);
    return FALSE;
}

static char *
to_json(LullJson *value)
{
    return g_strconcat(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY |
                                                                 JSON_C_TO_STRING_SPACED |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE),
                       "\n", NULL);
}

static char *
to_yaml(LullJson *value)
{
    g_autoptr(GError) error = NULL;
    char *text = lull_yaml_write(value, &error);

    return text ? text : g_strdup_printf("# %s\n", error->message);
}

/* Where it says none, it is of the group that clients know. */
static char *
group_of(const LullKind *kind, LullJson *object)
{
    const char *version = lull_json_string(object, "apiVersion", "");
    const char *slash = strchr(version, '/');

    return slash ? g_strndup(version, (gsize)(slash - version)) : g_strdup(kind->group);
}

static char *
full_name(const LullKind *kind, LullJson *object)
{
    const char *name = lull_meta_name(object);
    g_autofree char *group = group_of(kind, object);
    g_autofree char *whole = g_strdup_printf("%s.%s/%s", kind->singular, group, name ? name : "");
    g_autofree char *clean = lull_text_clean(whole, 0);

    return g_strconcat(clean, "\n", NULL);
}

/* An item of a list says nothing of its kind where the list does; alone it must. */
static LullJson *
with_kind(const LullKind *kind, LullJson *object)
{
    g_autofree char *version = g_strdup_printf("%s/%s", kind->group, kind->version);
    LullJson *whole = json_object_new_object();

    lull_json_set_string(whole, "apiVersion", lull_json_string(object, "apiVersion", version));
    lull_json_set_string(whole, "kind", lull_json_string(object, "kind", kind->kind));
    if (!json_object_is_type(object, json_type_object))
        return whole;
    json_object_object_foreach(object, key, value)
    {
        if (!g_str_equal(key, "apiVersion") && !g_str_equal(key, "kind"))
            lull_json_take(whole, key, lull_json_dup(value));
    }
    return whole;
}

static char *
one_table(LullFormat format, const LullKind *kind, LullJson *items)
{
    g_autoptr(LullTable) table =
        lull_table_of_objects(kind, items, format == LULL_FORMAT_WIDE, lull_clock_realtime());

    return lull_table_format(table, "");
}

char *
lull_output_object(LullFormat format, const LullKind *kind, LullJson *object)
{
    g_autoptr(LullJson) whole = with_kind(kind, object);
    g_autoptr(LullJson) items = json_object_new_array();

    switch (format) {
    case LULL_FORMAT_JSON:
        return to_json(whole);
    case LULL_FORMAT_YAML:
        return to_yaml(whole);
    case LULL_FORMAT_NAME:
        return full_name(kind, object);
    case LULL_FORMAT_TABLE:
    case LULL_FORMAT_WIDE:
        break;
    }
    json_object_array_add(items, g_steal_pointer(&whole));
    return one_table(format, kind, items);
}

static LullJson *
make_list(const LullKind *kind, LullJson *items)
{
    LullJson *list = json_object_new_object();
    LullJson *whole = json_object_new_array();

    lull_json_set_string(list, "apiVersion", "v1");
    lull_json_set_string(list, "kind", "List");
    lull_json_take(list, "items", whole);
    for (gsize i = 0; i < json_object_array_length(items); i++)
        json_object_array_add(whole, with_kind(kind, json_object_array_get_idx(items, i)));
    return list;
}

static char *
full_names(const LullKind *kind, LullJson *items)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < json_object_array_length(items); i++) {
        g_autofree char *name = full_name(kind, json_object_array_get_idx(items, i));

        g_string_append(text, name);
    }
    return g_string_free(text, FALSE);
}

char *
lull_output_list(LullFormat format, const LullKind *kind, LullJson *items)
{
    g_autoptr(LullJson) list = NULL;

    switch (format) {
    case LULL_FORMAT_JSON:
    case LULL_FORMAT_YAML:
        list = make_list(kind, items);
        return format == LULL_FORMAT_JSON ? to_json(list) : to_yaml(list);
    case LULL_FORMAT_NAME:
        return full_names(kind, items);
    case LULL_FORMAT_TABLE:
    case LULL_FORMAT_WIDE:
        break;
    }
    return one_table(format, kind, items);
}

/* A text as it is, texts with commas between them, all else as JSON. */
static char *
plain(LullJson *value)
{
    g_autoptr(GString) joined = g_string_new(NULL);

    if (json_object_is_type(value, json_type_string))
        return g_strdup(json_object_get_string(value));
    if (!json_object_is_type(value, json_type_array))
        return g_strdup(lull_json_to_line(value));
    for (gsize i = 0; i < json_object_array_length(value); i++) {
        LullJson *item = json_object_array_get_idx(value, i);

        if (!json_object_is_type(item, json_type_string))
            return g_strdup(lull_json_to_line(value));
        g_string_append_printf(joined, "%s%s", i ? ", " : "", json_object_get_string(item));
    }
    return g_string_free(g_steal_pointer(&joined), FALSE);
}

char *
lull_output_facts(LullFormat format, LullJson *facts)
{
    GString *text;

    if (format == LULL_FORMAT_JSON)
        return to_json(facts);
    if (format == LULL_FORMAT_YAML)
        return to_yaml(facts);
    text = g_string_new(NULL);
    if (!json_object_is_type(facts, json_type_object))
        return g_string_free(text, FALSE);
    json_object_object_foreach(facts, key, value)
    {
        g_autofree char *clean_key = lull_text_clean(key, MAX_VALUE);
        g_autofree char *raw = plain(value);
        g_autofree char *clean = lull_text_clean(raw, MAX_VALUE);

        if (!value || !*raw || g_str_equal(key, "kind") || g_str_equal(key, "apiVersion"))
            continue;
        g_string_append_printf(text, "%s: %s\n", clean_key, clean);
    }
    return g_string_free(text, FALSE);
}
