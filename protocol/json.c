/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/json.h"

#include <json-c/json_visit.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/error.h"

static gboolean
only_space(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if (!g_ascii_isspace(text[i]))
            return FALSE;
    return TRUE;
}

static const char *
skip_digits(const char *text)
{
    return text + strspn(text, "0123456789");
}

/* By the grammar of RFC 8259. */
static gboolean
is_number(const char *text)
{
    const char *at = text + (*text == '-');
    const char *digits = at;

    at = *at == '0' ? at + 1 : skip_digits(at);
    if (at == digits)
        return FALSE;
    if (*at == '.') {
        digits = at + 1;
        if ((at = skip_digits(digits)) == digits)
            return FALSE;
    }
    if (*at == 'e' || *at == 'E') {
        digits = at + 1 + (at[1] == '+' || at[1] == '-');
        if ((at = skip_digits(digits)) == digits)
            return FALSE;
    }
    return *at == '\0';
}

/* json-c takes NaN, Infinity and "1.", which are no JSON, keeps them as they were written, and would pass
 * them on. A number that is merely too large is one. */
static int
refuse_no_number(LullJson *value, int flags, LullJson *parent, const char *key, size_t *index, void *data)
{
    (void)flags;
    (void)parent;
    (void)key;
    (void)index;
    (void)data;
    if (json_object_is_type(value, json_type_double) && !is_number(json_object_to_json_string(value)))
        return JSON_C_VISIT_RETURN_ERROR;
    return JSON_C_VISIT_RETURN_CONTINUE;
}

LullJson *
lull_json_parse(const char *text, gssize length, GError **error)
{
    const gsize size = length < 0 ? strlen(text) : (gsize)length;
    LullJson *value = NULL;

    if (size > G_MAXINT - 1 || !g_utf8_validate(text, (gssize)size, NULL)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "JSON: not valid UTF-8");
        return NULL;
    }
    json_tokener *tokener = json_tokener_new_ex(LULL_JSON_MAX_DEPTH);
    value = json_tokener_parse_ex(tokener, text, (int)size);
    gsize end = MIN(json_tokener_get_parse_end(tokener), size);
    if (!value && json_tokener_get_error(tokener) == json_tokener_continue) {
        value = json_tokener_parse_ex(tokener, "", 1); /* a bare number ends only with the text */
        end = size;
    }
    const enum json_tokener_error problem = json_tokener_get_error(tokener);
    json_tokener_free(tokener);

    if (problem != json_tokener_success || !value) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "JSON: %s at byte %" G_GSIZE_FORMAT,
                    problem == json_tokener_continue  ? "unexpected end"
                    : problem == json_tokener_success ? "null is no document"
                                                      : json_tokener_error_desc(problem),
                    end);
        json_object_put(value);
        return NULL;
    }
    if (!only_space(text + end, size - end)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "JSON: unexpected text at byte %" G_GSIZE_FORMAT,
                    end);
        json_object_put(value);
        return NULL;
    }
    if (json_c_visit(value, 0, refuse_no_number, NULL) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "JSON: something like NaN, Infinity or \"1.\" is no number");
        json_object_put(value);
        return NULL;
    }
    return value;
}

gsize
lull_json_weigh(const char *text, gsize length)
{
    gsize values = 1;

    for (gsize i = 0; i < length; i++)
        values += text[i] == '{' || text[i] == '[' || text[i] == ',';
    return values;
}

LullJson *
lull_json_dup(LullJson *value)
{
    LullJson *copy = NULL;

    if (value)
        (void)json_object_deep_copy(value, &copy, NULL);
    return copy;
}

static LullJson *
member(LullJson *object, const char *key, enum json_type type)
{
    LullJson *value = NULL;

    if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value))
        return NULL;
    return type == json_type_null || json_object_is_type(value, type) ? value : NULL;
}

LullJson *
lull_json_at(LullJson *value, ...)
{
    const char *key;
    va_list keys;

    va_start(keys, value);
    while (value && (key = va_arg(keys, const char *)))
        value = member(value, key, json_type_null);
    va_end(keys);
    return value;
}

const char *
lull_json_string(LullJson *object, const char *key, const char *fallback)
{
    LullJson *value = member(object, key, json_type_string);

    return value ? json_object_get_string(value) : fallback;
}

gint64
lull_json_int(LullJson *object, const char *key, gint64 fallback)
{
    LullJson *value = member(object, key, json_type_int);

    return value ? json_object_get_int64(value) : fallback;
}

double
lull_json_double(LullJson *object, const char *key, double fallback)
{
    LullJson *value = member(object, key, json_type_double);

    if (!value)
        value = member(object, key, json_type_int);
    return value ? json_object_get_double(value) : fallback;
}

gboolean
lull_json_bool(LullJson *object, const char *key, gboolean fallback)
{
    LullJson *value = member(object, key, json_type_boolean);

    return value ? json_object_get_boolean(value) : fallback;
}

LullJson *
lull_json_object(LullJson *object, const char *key)
{
    return member(object, key, json_type_object);
}

LullJson *
lull_json_array(LullJson *object, const char *key)
{
    return member(object, key, json_type_array);
}

void
lull_json_set_string(LullJson *object, const char *key, const char *value)
{
    if (value)
        json_object_object_add(object, key, json_object_new_string(value));
}

void
lull_json_set_int(LullJson *object, const char *key, gint64 value)
{
    json_object_object_add(object, key, json_object_new_int64(value));
}

void
lull_json_set_double(LullJson *object, const char *key, double value)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%.1f", value);
    json_object_object_add(object, key, json_object_new_double_s(value, text));
}

void
lull_json_set_bool(LullJson *object, const char *key, gboolean value)
{
    json_object_object_add(object, key, json_object_new_boolean(value));
}

void
lull_json_take(LullJson *object, const char *key, LullJson *value)
{
    json_object_object_add(object, key, value);
}

void
lull_json_append_string(LullJson *array, const char *value)
{
    json_object_array_add(array, json_object_new_string(value));
}

LullJson *
lull_json_ensure(LullJson *object, const char *key)
{
    LullJson *value = lull_json_object(object, key);

    if (!value) {
        value = json_object_new_object();
        json_object_object_add(object, key, value);
    }
    return value;
}

void
lull_json_copy(LullJson *to, LullJson *from, const char *key)
{
    LullJson *value = NULL;

    if (json_object_object_get_ex(from, key, &value) && value)
        lull_json_take(to, key, lull_json_dup(value));
    else if (to)
        json_object_object_del(to, key);
}

const char *
lull_json_to_line(LullJson *value)
{
    return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static int
print_raw(LullJson *value, struct printbuf *buffer, int level, int flags)
{
    return printbuf_memappend(buffer, json_object_get_string(value), json_object_get_string_len(value));
}

LullJson *
lull_json_raw(const char *text)
{
    LullJson *value = json_object_new_string(text);

    json_object_set_serializer(value, print_raw, NULL, NULL);
    return value;
}

static void
apply_patch(LullJson *target, LullJson *patch)
{
    json_object_object_foreach(patch, key, value)
    {
        if (!value) {
            json_object_object_del(target, key);
        } else if (json_object_is_type(value, json_type_object)) {
            apply_patch(lull_json_ensure(target, key), value);
        } else {
            json_object_object_add(target, key, lull_json_dup(value));
        }
    }
}

LullJson *
lull_json_merge_patch(LullJson *target, LullJson *patch)
{
    LullJson *result;

    if (!json_object_is_type(patch, json_type_object))
        return lull_json_dup(patch);
    result = json_object_is_type(target, json_type_object) ? lull_json_dup(target) : json_object_new_object();
    apply_patch(result, patch);
    return result;
}

gboolean
lull_json_equal(LullJson *a, LullJson *b)
{
    return json_object_equal(a, b);
}
