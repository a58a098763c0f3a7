/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/command.h"

#include <stdarg.h>
#include <string.h>

#include "protocol/error.h"
#include "protocol/names.h"

#define OPTIONAL TRUE

static const LullCommandSpec specs[] = {
    {"guest-sync-delimited", {{"id", LULL_ARG_INT}}, .while_frozen = TRUE},
    {"guest-sync", {{"id", LULL_ARG_INT}}, .while_frozen = TRUE},
    {"guest-ping", {{NULL}}, .while_frozen = TRUE},
    {"guest-info", {{NULL}}, .while_frozen = TRUE},
    {"guest-fsfreeze-status", {{NULL}}, .while_frozen = TRUE},
    {"guest-fsfreeze-freeze", {{NULL}}},
    {"guest-fsfreeze-freeze-list", {{"mountpoints", LULL_ARG_STRINGS, OPTIONAL}}},
    {"guest-fsfreeze-thaw", {{NULL}}, .while_frozen = TRUE},
    {"guest-get-fsinfo", {{NULL}}},
    {LULL_CMD_PREPARE,
     {{"op", LULL_ARG_STRING},
      {"disks", LULL_ARG_OBJECTS, OPTIONAL},
      {"mountpoints", LULL_ARG_STRINGS, OPTIONAL},
      {"atomic", LULL_ARG_BOOL, OPTIONAL},
      {"budget-ms", LULL_ARG_INT, OPTIONAL},
      {"level", LULL_ARG_STRING, OPTIONAL}}},
    {LULL_CMD_FREEZE, {{"op", LULL_ARG_STRING}, {"lease-ms", LULL_ARG_INT}}, .while_frozen = TRUE},
    {LULL_CMD_RENEW,
     {{"op", LULL_ARG_STRING}, {"epoch", LULL_ARG_STRING}, {"lease-ms", LULL_ARG_INT}},
     .while_frozen = TRUE},
    {LULL_CMD_THAW, {{"op", LULL_ARG_STRING}, {"epoch", LULL_ARG_STRING}}, .while_frozen = TRUE},
    {LULL_CMD_ABORT, {{"op", LULL_ARG_STRING}}, .while_frozen = TRUE},
    {LULL_CMD_STATUS, {{NULL}}, .while_frozen = TRUE},
    {LULL_CMD_RESTORED,
     {{"snapshot", LULL_ARG_STRING}, {"metadata", LULL_ARG_OBJECT, OPTIONAL}},
     .while_frozen = TRUE},
    {NULL},
};

static const char *const type_words[] = {
    [LULL_ARG_STRING] = "string", [LULL_ARG_INT] = "integer",   [LULL_ARG_BOOL] = "boolean",
    [LULL_ARG_STRINGS] = "array", [LULL_ARG_OBJECT] = "object", [LULL_ARG_OBJECTS] = "array",
};

const LullCommandSpec *
lull_command_specs(void)
{
    return specs;
}

const LullCommandSpec *
lull_command_find(const char *name)
{
    for (const LullCommandSpec *spec = specs; spec->name; spec++)
        if (g_str_equal(spec->name, name))
            return spec;
    return NULL;
}

static gboolean G_GNUC_PRINTF(2, 3) refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(LULL_ERROR, LULL_ERROR_INVALID, format, args));
    va_end(args);
    return FALSE;
}

gboolean
lull_request_read(LullJson *message, LullRequest *ret_request, GError **error)
{
    LullRequest request = {NULL};

    if (!json_object_is_type(message, json_type_object))
        return refuse(error, "QMP input must be a JSON object");
    json_object_object_foreach(message, key, value)
    {
        if (g_str_equal(key, "execute")) {
            if (!json_object_is_type(value, json_type_string))
                return refuse(error, "QMP input member '%s' must be a string", key);
            request.name = json_object_get_string(value);
        } else if (g_str_equal(key, "arguments")) {
            if (!json_object_is_type(value, json_type_object))
                return refuse(error, "QMP input member '%s' must be an object", key);
            request.arguments = value;
        } else if (g_str_equal(key, "id")) {
            request.id = value;
            request.has_id = TRUE;
        } else {
            return refuse(error, "QMP input member '%s' is unexpected", key);
        }
    }
    if (!request.name)
        return refuse(error, "QMP input lacks member 'execute'");
    *ret_request = request;
    return TRUE;
}

/* json-c clamps what does not fit; the peer calls that a wrong type. */
static gboolean
is_int64(LullJson *value)
{
    if (!json_object_is_type(value, json_type_int))
        return FALSE;

    const gint64 number = json_object_get_int64(value);
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, number);

    return (number != G_MAXINT64 && number != G_MININT64) ||
           g_str_equal(text, json_object_to_json_string(value));
}

static gboolean
has_type(LullJson *value, LullArgType type)
{
    switch (type) {
    case LULL_ARG_STRING:
        return json_object_is_type(value, json_type_string);
    case LULL_ARG_INT:
        return is_int64(value);
    case LULL_ARG_BOOL:
        return json_object_is_type(value, json_type_boolean);
    case LULL_ARG_OBJECT:
        return json_object_is_type(value, json_type_object);
    case LULL_ARG_STRINGS:
    case LULL_ARG_OBJECTS:
        return json_object_is_type(value, json_type_array);
    }
    return FALSE;
}

static gboolean
check_elements(const LullArgSpec *arg, LullJson *array, GError **error)
{
    const LullArgType type = arg->type == LULL_ARG_STRINGS ? LULL_ARG_STRING : LULL_ARG_OBJECT;

    if (json_object_array_length(array) > LULL_ARG_MAX_ELEMENTS)
        return refuse(error, "Parameter '%s' has too many elements, at most: %d", arg->name,
                      LULL_ARG_MAX_ELEMENTS);
    for (size_t i = 0; i < json_object_array_length(array); i++)
        if (!has_type(json_object_array_get_idx(array, i), type))
            return refuse(error, "Invalid parameter type for '%s[%zu]', expected: %s", arg->name, i,
                          type_words[type]);
    return TRUE;
}

static gboolean
check_argument(const LullArgSpec *arg, LullJson *arguments, GError **error)
{
    LullJson *value = NULL;

    if (!arguments || !json_object_object_get_ex(arguments, arg->name, &value))
        return arg->optional || refuse(error, "Parameter '%s' is missing", arg->name);
    if (!has_type(value, arg->type))
        return refuse(error, "Invalid parameter type for '%s', expected: %s", arg->name,
                      type_words[arg->type]);
    if (arg->type == LULL_ARG_STRINGS || arg->type == LULL_ARG_OBJECTS)
        return check_elements(arg, value, error);
    return TRUE;
}

static gboolean
is_argument(const LullCommandSpec *spec, const char *name)
{
    for (const LullArgSpec *arg = spec->args; arg->name; arg++)
        if (g_str_equal(arg->name, name))
            return TRUE;
    return FALSE;
}

gboolean
lull_command_check(const LullCommandSpec *spec, LullJson *arguments, GError **error)
{
    for (const LullArgSpec *arg = spec->args; arg->name; arg++)
        if (!check_argument(arg, arguments, error))
            return FALSE;
    if (!arguments)
        return TRUE;
    json_object_object_foreach(arguments, key, value)
    {
        (void)value;
        if (!is_argument(spec, key))
            return refuse(error, "Parameter '%s' is unexpected", key);
    }
    return TRUE;
}

/* Consumes @body. What the guest's file systems are called need not be UTF-8; a line on the wire must. */
static char *
reply(const char *key, LullJson *body, const LullRequest *request)
{
    g_autoptr(LullJson) envelope = json_object_new_object();
    g_autofree char *line = NULL;

    json_object_object_add(envelope, key, body);
    if (request && request->has_id)
        json_object_object_add(envelope, "id", json_object_get(request->id));
    line = g_strconcat(lull_json_to_line(envelope), "\n", NULL);
    return g_utf8_validate(line, -1, NULL) ? g_steal_pointer(&line) : g_utf8_make_valid(line, -1);
}

char *
lull_reply_return(LullJson *value, const LullRequest *request)
{
    return reply("return", value, request);
}

char *
lull_reply_error(const char *klass, const char *desc, const LullRequest *request)
{
    LullJson *body = json_object_new_object();

    lull_json_set_string(body, "class", klass);
    lull_json_set_string(body, "desc", desc);
    return reply("error", body, request);
}
