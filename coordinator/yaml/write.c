/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/yaml/write.h"

#include <string.h>
#include <yaml.h>

#include "coordinator/yaml/scalar.h"
#include "protocol/error.h"

static gboolean emit_value(yaml_emitter_t *emitter, LullJson *value);

static int
keep(void *data, unsigned char *bytes, size_t size)
{
    g_string_append_len(data, (const char *)bytes, (gssize)size);
    return 1;
}

/* Would a reader take this text, unquoted, for something that is no text? */
static gboolean
is_ambiguous(const char *text)
{
    static const char *const old_booleans[] = {"y", "n", "yes", "no", "on", "off", "<<", "=", NULL};
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) plain = lull_yaml_scalar_parse(text, &error);

    return !plain || !json_object_is_type(plain, json_type_string) || g_strv_contains(old_booleans, lower) ||
           g_ascii_isdigit(*text) || strchr("-+.", *text);
}

static gboolean
emit_scalar(yaml_emitter_t *emitter, const char *text, gsize length, yaml_scalar_style_t style)
{
    yaml_event_t event;

    return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)length, 1, 1,
                                        style) &&
           yaml_emitter_emit(emitter, &event);
}

static gboolean
emit_string(yaml_emitter_t *emitter, const char *text, gsize length)
{
    const yaml_scalar_style_t style = memchr(text, '\n', length) ? YAML_LITERAL_SCALAR_STYLE
                                      : is_ambiguous(text)       ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                                                 : YAML_ANY_SCALAR_STYLE;

    return emit_scalar(emitter, text, length, style);
}

static gboolean
emit_object(yaml_emitter_t *emitter, LullJson *object)
{
    const yaml_mapping_style_t style =
        json_object_object_length(object) ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
    yaml_event_t event;

    if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style) ||
        !yaml_emitter_emit(emitter, &event))
        return FALSE;
    json_object_object_foreach(object, key, value)
    {
        if (!emit_string(emitter, key, strlen(key)) || !emit_value(emitter, value))
            return FALSE;
    }
    return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static gboolean
emit_array(yaml_emitter_t *emitter, LullJson *array)
{
    const gsize n = json_object_array_length(array);
    yaml_event_t event;

    if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                              n ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE) ||
        !yaml_emitter_emit(emitter, &event))
        return FALSE;
    for (gsize i = 0; i < n; i++)
        if (!emit_value(emitter, json_object_array_get_idx(array, i)))
            return FALSE;
    return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static gboolean
emit_value(yaml_emitter_t *emitter, LullJson *value)
{
    if (json_object_is_type(value, json_type_object))
        return emit_object(emitter, value);
    if (json_object_is_type(value, json_type_array))
        return emit_array(emitter, value);
    if (json_object_is_type(value, json_type_string))
        return emit_string(emitter, json_object_get_string(value), (gsize)json_object_get_string_len(value));

    const char *text = value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN) : "null";
    return emit_scalar(emitter, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
}

static gboolean
emit_stream(yaml_emitter_t *emitter, LullJson *value)
{
    yaml_event_t event;

    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
           yaml_emitter_emit(emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
           yaml_emitter_emit(emitter, &event) && emit_value(emitter, value) &&
           yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(emitter, &event) &&
           yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

char *
lull_yaml_write(LullJson *value, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    yaml_emitter_t emitter;

    if (!yaml_emitter_initialize(&emitter)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "libyaml: out of memory");
        return NULL;
    }
    yaml_emitter_set_output(&emitter, keep, text);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    const gboolean good = emit_stream(&emitter, value);
    if (!good)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "cannot be written as YAML: %s",
                    emitter.problem ? emitter.problem : "out of memory");
    yaml_emitter_delete(&emitter);
    return good ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}
