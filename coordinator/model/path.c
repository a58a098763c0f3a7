/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/kind.h"

/* The one filter that columns use: the item of a list of conditions with this type. */
#define FILTER     "[?(@.type=='"
#define FILTER_END "')]"

static LullJson *
find_keys(LullJson *value, const char *path, gsize length)
{
    g_autofree char *text = g_strndup(path, length);
    g_auto(GStrv) keys = g_strsplit(*text == '.' ? text + 1 : text, ".", 16);

    for (char **key = keys; *key && value; key++)
        value = lull_json_at(value, *key, NULL);
    return value;
}

static LullJson *
find_typed(LullJson *list, const char *type, gsize length)
{
    for (gsize i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
        LullJson *item = json_object_array_get_idx(list, i);
        const char *found = lull_json_string(item, "type", "");

        if (strlen(found) == length && strncmp(found, type, length) == 0)
            return item;
    }
    return NULL;
}

LullJson *
lull_kind_find(LullJson *object, const char *path)
{
    const char *filter = strstr(path, FILTER);
    const char *end = filter ? strstr(filter, FILTER_END) : NULL;
    const char *type = NULL;

    if (!end)
        return find_keys(object, path, strlen(path));
    type = filter + strlen(FILTER);
    object = find_typed(find_keys(object, path, (gsize)(filter - path)), type, (gsize)(end - type));
    end += strlen(FILTER_END);
    return find_keys(object, end, strlen(end));
}

const char *
lull_kind_doc(const LullKind *kind, const char *path)
{
    g_auto(GStrv) keys = g_strsplit(path, ".", 16);
    const LullField *fields = NULL;
    const LullField *field = NULL;

    if (strstr(path, FILTER) || !keys[0] || !keys[1])
        return NULL;
    fields = g_str_equal(keys[1], "spec")       ? kind->spec
             : g_str_equal(keys[1], "status")   ? kind->status
             : g_str_equal(keys[1], "metadata") ? lull_kind_meta_fields
                                                : NULL;
    gsize first = 2;

    if (!fields && kind->fields) {
        fields = kind->fields;
        first = 1;
    }
    for (char **key = keys + first; *key && fields; key++) {
        for (field = fields; field->name && !g_str_equal(field->name, *key); field++)
            ;
        fields = field->name ? field->fields : NULL;
    }
    return field && field->name ? field->doc : NULL;
}
