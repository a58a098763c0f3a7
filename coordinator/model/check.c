/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/check.h"

#include <stdarg.h>
#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/clock.h"

#define QUOTE_MAX_CHARS 60
#define ANY_MAX_DEPTH   32 /* leaves room for the lists and events that carry the object */

char *
lull_check_quote(const char *text)
{
    const glong length = g_utf8_strlen(text, -1);
    g_autofree char *start = g_utf8_substring(text, 0, MIN(length, QUOTE_MAX_CHARS));

    for (char *c = start; *c; c++)
        if (g_ascii_iscntrl(*c))
            *c = '?';
    return g_strdup_printf("\"%s%s\"", start, length > QUOTE_MAX_CHARS ? "..." : "");
}

void
lull_check_add(LullCheck *self, const char *reason, const char *path, const char *format, ...)
{
    va_list args;

    if (!self->causes)
        self->causes = json_object_new_array();
    if (json_object_array_length(self->causes) >= LULL_KIND_MAX_CAUSES)
        return;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);

    LullJson *cause = json_object_new_object();
    lull_json_set_string(cause, "reason", reason);
    lull_json_set_string(cause, "field", path);
    lull_json_set_string(cause, "message", message);
    json_object_array_add(self->causes, cause);
}

static const char *
type_name(LullJson *value)
{
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        return "a boolean";
    case json_type_int:
    case json_type_double:
        return "a number";
    case json_type_object:
        return "an object";
    case json_type_array:
        return "a list";
    case json_type_string:
        return "a string";
    case json_type_null:
    default:
        return "null";
    }
}

static gboolean
expect(LullCheck *self, const char *path, LullJson *value, enum json_type type, const char *expected)
{
    if (type == json_type_string && json_object_is_type(value, type) &&
        strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value)) {
        lull_check_add(self, LULL_CAUSE_INVALID, path, "must not contain a zero byte");
        return FALSE;
    }
    if (json_object_is_type(value, type))
        return TRUE;
    lull_check_add(self, LULL_CAUSE_TYPE, path, "expected %s, got %s", expected, type_name(value));
    return FALSE;
}

/* "volumeRestorePolicy" as "volume restore policy". */
static char *
words(const char *name)
{
    GString *result = g_string_new(NULL);

    for (; *name; name++) {
        if (g_ascii_isupper(*name))
            g_string_append_c(result, ' ');
        g_string_append_c(result, g_ascii_tolower(*name));
    }
    return g_string_free(result, FALSE);
}

char *
lull_check_not_among(const LullField *field, const char *subject)
{
    g_autofree char *what = words(field->name);
    g_autofree char *known = g_strjoinv(", ", (char **)field->values);

    return g_strdup_printf("%s %s doesn't exist: expected one of %s", what, subject, known);
}

/* In characters: a text that is not UTF-8 did not come through JSON. */
static void
check_length(LullCheck *self, const char *path, const LullField *field, const char *text)
{
    if (field->max_length && g_utf8_strlen(text, -1) > (glong)field->max_length)
        lull_check_add(self, LULL_CAUSE_INVALID, path, "too long: at most %u characters", field->max_length);
}

static void
check_string(LullCheck *self, const char *path, const LullField *field, LullJson *value)
{
    const char *text;

    if (!expect(self, path, value, json_type_string, "a string"))
        return;
    text = json_object_get_string(value);
    if (field->values && !g_strv_contains(field->values, text)) {
        g_autofree char *quoted = lull_check_quote(text);
        g_autofree char *fault = lull_check_not_among(field, quoted);
        lull_check_add(self, LULL_CAUSE_INVALID, path, "%s", fault);
    } else if (field->required && !*text && !field->values) {
        lull_check_add(self, LULL_CAUSE_REQUIRED, path, "must not be empty");
    }
    check_length(self, path, field, text);
}

static void
check_duration(LullCheck *self, const char *path, LullJson *value)
{
    g_autoptr(GError) error = NULL;
    gint64 usec;

    if (!json_object_is_type(value, json_type_string) && !json_object_is_type(value, json_type_int) &&
        !json_object_is_type(value, json_type_double))
        lull_check_add(self, LULL_CAUSE_TYPE, path,
                       "expected a duration (a string such as \"5m\", or a number of seconds), got %s",
                       type_name(value));
    else if (!lull_duration_from_json(value, &usec, &error))
        lull_check_add(self, LULL_CAUSE_INVALID, path, "%s", error->message);
}

static void
check_time(LullCheck *self, const char *path, LullJson *value)
{
    gint64 usec;

    if (!expect(self, path, value, json_type_string, "a time (RFC 3339 string)") ||
        lull_clock_parse(json_object_get_string(value), &usec))
        return;
    g_autofree char *quoted = lull_check_quote(json_object_get_string(value));
    lull_check_add(self, LULL_CAUSE_INVALID, path,
                   "%s is no time: expected one such as \"2026-03-01T10:20:30Z\"", quoted);
}

static void
check_map(LullCheck *self, const char *path, LullJson *value)
{
    if (!expect(self, path, value, json_type_object, "a map of strings"))
        return;
    json_object_object_foreach(value, key, entry)
    {
        g_autofree char *quoted = lull_check_quote(key);
        g_autofree char *below = g_strdup_printf("%s[%s]", path, quoted);
        (void)expect(self, below, entry, json_type_string, "a string");
    }
}

static gboolean
is_deeper(LullJson *value, guint levels)
{
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            if (levels == 0 || is_deeper(json_object_array_get_idx(value, i), levels - 1))
                return TRUE;
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, entry)
        {
            (void)key;
            if (levels == 0 || is_deeper(entry, levels - 1))
                return TRUE;
        }
    }
    return FALSE;
}

static void check_value(LullCheck *self, const char *path, const LullField *field, LullJson *value);

static void
check_array(LullCheck *self, const char *path, const LullField *field, LullJson *value)
{
    if (!expect(self, path, value, json_type_array, "a list"))
        return;
    if (field->max_items && json_object_array_length(value) > field->max_items) {
        lull_check_add(self, LULL_CAUSE_INVALID, path, "too many: at most %u", field->max_items);
        return;
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        LullJson *item = json_object_array_get_idx(value, i);
        g_autofree char *below = g_strdup_printf("%s[%zu]", path, i);
        if (field->fields)
            lull_check_fields(self, below, field->fields, item);
        else if (expect(self, below, item, json_type_string, "a string"))
            check_length(self, below, field, json_object_get_string(item));
    }
}

static void
check_value(LullCheck *self, const char *path, const LullField *field, LullJson *value)
{
    switch (field->type) {
    case LULL_FIELD_STRING:
        check_string(self, path, field, value);
        break;
    case LULL_FIELD_INT:
        (void)expect(self, path, value, json_type_int, "a whole number");
        break;
    case LULL_FIELD_BOOL:
        (void)expect(self, path, value, json_type_boolean, "true or false");
        break;
    case LULL_FIELD_DURATION:
        check_duration(self, path, value);
        break;
    case LULL_FIELD_TIME:
        check_time(self, path, value);
        break;
    case LULL_FIELD_OBJECT:
        lull_check_fields(self, path, field->fields, value);
        break;
    case LULL_FIELD_ARRAY:
        check_array(self, path, field, value);
        break;
    case LULL_FIELD_MAP:
        check_map(self, path, value);
        break;
    case LULL_FIELD_ANY:
        if (is_deeper(value, ANY_MAX_DEPTH))
            lull_check_add(self, LULL_CAUSE_INVALID, path, "nested deeper than %d levels", ANY_MAX_DEPTH);
        break;
    }
}

static const LullField *
find_field(const LullField *fields, const char *name, gboolean exact)
{
    for (; fields->name; fields++)
        if (exact ? g_str_equal(fields->name, name) : g_ascii_strcasecmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

static void
report_unknown(LullCheck *self, const char *path, const LullField *fields, const char *key)
{
    const LullField *meant = find_field(fields, key, FALSE);

    if (meant) {
        lull_check_add(self, LULL_CAUSE_INVALID, path, "unknown field: did you mean %s?", meant->name);
        return;
    }
    g_autoptr(GString) known = g_string_new(NULL);
    for (; fields->name; fields++)
        g_string_append_printf(known, "%s%s", known->len ? ", " : "", fields->name);
    lull_check_add(self, LULL_CAUSE_INVALID, path, "unknown field: known here are %s", known->str);
}

char *
lull_check_join(const char *path, const char *key)
{
    g_autofree char *quoted = lull_check_quote(key);

    quoted[strlen(quoted) - 1] = '\0';
    return *path ? g_strdup_printf("%s.%s", path, quoted + 1) : g_strdup(quoted + 1);
}

void
lull_check_fields(LullCheck *self, const char *path, const LullField *fields, LullJson *object)
{
    if (!expect(self, path, object, json_type_object, "an object"))
        return;
    json_object_object_foreach(object, key, value)
    {
        const LullField *field = find_field(fields, key, TRUE);
        g_autofree char *below = lull_check_join(path, key);
        if (field && value)
            check_value(self, below, field, value);
        else if (!field && self->strict)
            report_unknown(self, below, fields, key);
    }
    for (; fields->name; fields++) {
        if (!fields->required || lull_json_at(object, fields->name, NULL))
            continue;
        g_autofree char *below = lull_check_join(path, fields->name);
        lull_check_add(self, LULL_CAUSE_REQUIRED, below, "required, but missing");
    }
}
