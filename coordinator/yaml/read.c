/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/yaml/read.h"

#include <string.h>
#include <yaml.h>

#include "coordinator/yaml/scalar.h"
#include "protocol/error.h"

/* An anchored value and what it costs to repeat it. */
typedef struct {
    LullJson *value; /* NULL: null, or still being read */
    guint cost;
    gboolean whole;
} Anchor;

/* A path longer than this is not noted: it would cost more than it tells. */
#define MAX_NOTED_PATH 512

typedef struct {
    yaml_parser_t parser;
    GHashTable *anchors; /* name to Anchor, of this document */
    GHashTable *lines;   /* lent: of this document */
    GString *path;
    guint cost; /* of all that was made so far */
    guint depth;
} Reader;

static gboolean read_node(Reader *self, yaml_event_t *event, LullJson **ret_value, GError **error);

static void
document_free(gpointer data)
{
    LullYamlDocument *document = data;

    json_object_put(document->value);
    g_hash_table_unref(document->lines);
    g_free(document);
}

static void
anchor_free(gpointer data)
{
    Anchor *anchor = data;

    json_object_put(anchor->value);
    g_free(anchor);
}

static gboolean fail(const yaml_event_t *event, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean
fail(const yaml_event_t *event, GError **error, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "line %zu: %s", event->start_mark.line + 1, message);
    return FALSE;
}

static gboolean
next_event(Reader *self, yaml_event_t *ret_event, GError **error)
{
    if (yaml_parser_parse(&self->parser, ret_event))
        return TRUE;

    const gboolean reader = self->parser.error == YAML_READER_ERROR;
    const char *problem = self->parser.problem ? self->parser.problem : "out of memory";
    if (reader)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "byte %zu: %s", self->parser.problem_offset,
                    problem);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "line %zu: %s%s%s",
                    self->parser.problem_mark.line + 1, problem, self->parser.context ? ", " : "",
                    self->parser.context ? self->parser.context : "");
    return FALSE;
}

static gboolean
charge(Reader *self, const yaml_event_t *event, gsize cost, GError **error)
{
    if (cost > LULL_YAML_MAX_COST - self->cost)
        return fail(event, error, "too large once it is expanded (more than %d values)", LULL_YAML_MAX_COST);
    self->cost += (guint)cost;
    return TRUE;
}

static gboolean
charge_text(Reader *self, const yaml_event_t *event, GError **error)
{
    return charge(self, event, 1 + event->data.scalar.length / 64, error);
}

static gboolean
is_text(const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;

    return tag ? g_str_equal(tag, YAML_STR_TAG) || g_str_equal(tag, "!")
               : event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

static gboolean
check_tag(const yaml_event_t *event, const yaml_char_t *tag, const char *allowed, GError **error)
{
    if (!tag || g_str_equal((const char *)tag, allowed) || g_str_equal((const char *)tag, "!"))
        return TRUE;
    return fail(event, error, "the tag %.80s is not known here", (const char *)tag);
}

static gboolean
read_scalar(Reader *self, const yaml_event_t *event, LullJson **ret_value, GError **error)
{
    const char *text = (const char *)event->data.scalar.value;
    g_autoptr(GError) problem = NULL;

    if (!charge_text(self, event, error) || !check_tag(event, event->data.scalar.tag, YAML_STR_TAG, error))
        return FALSE;
    if (strlen(text) != event->data.scalar.length)
        return fail(event, error, "a text has a NUL byte in it");
    if (is_text(event)) {
        *ret_value = json_object_new_string(text);
        return TRUE;
    }
    LullJson *value = lull_yaml_scalar_parse(text, &problem);
    if (problem)
        return fail(event, error, "%s", problem->message);
    *ret_value = value;
    return TRUE;
}

static gboolean
read_alias(Reader *self, const yaml_event_t *event, LullJson **ret_value, GError **error)
{
    const char *name = (const char *)event->data.alias.anchor;
    const Anchor *anchor = g_hash_table_lookup(self->anchors, name);

    if (!anchor)
        return fail(event, error, "the alias *%.40s has no anchor before it", name);
    if (!anchor->whole)
        return fail(event, error, "the alias *%.40s is inside of what it stands for", name);
    if (!charge(self, event, anchor->cost, error))
        return FALSE;
    *ret_value = lull_json_dup(anchor->value);
    return TRUE;
}

static gboolean
read_key(Reader *self, const yaml_event_t *event, LullJson *object, GError **error)
{
    const char *key;

    if (event->type == YAML_ALIAS_EVENT)
        return fail(event, error, "an alias cannot be a key here: write the key out");
    if (event->type != YAML_SCALAR_EVENT)
        return fail(event, error, "a key must be a text");
    key = (const char *)event->data.scalar.value;
    if (strlen(key) != event->data.scalar.length)
        return fail(event, error, "a key has a NUL byte in it");
    if (g_str_equal(key, "<<") && !is_text(event))
        return fail(event, error, "merge keys (<<) are not supported: write the fields out");
    if (event->data.scalar.length > LULL_YAML_MAX_KEY)
        return fail(event, error, "a key is longer than %d bytes", LULL_YAML_MAX_KEY);
    if (!charge_text(self, event, error))
        return FALSE;
    if (json_object_object_get_ex(object, key, NULL))
        return fail(event, error, "the key \"%.80s\" is there twice", key);
    g_string_append_printf(self->path, "%s%s", self->path->len ? "." : "", key);
    return TRUE;
}

static void
note_line(Reader *self, const yaml_event_t *event)
{
    if (self->path->len > MAX_NOTED_PATH)
        return;
    g_hash_table_insert(self->lines, g_strdup(self->path->str),
                        GUINT_TO_POINTER((guint)event->start_mark.line + 1));
}

static gboolean
read_mapping(Reader *self, LullJson *object, GError **error)
{
    const gsize base = self->path->len;

    for (;;) {
        yaml_event_t event;
        LullJson *value = NULL;
        g_autofree char *key = NULL;

        if (!next_event(self, &event, error))
            return FALSE;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return TRUE;
        }
        gboolean good = read_key(self, &event, object, error);
        if (good) {
            key = g_strdup((const char *)event.data.scalar.value);
            note_line(self, &event);
        }
        yaml_event_delete(&event);
        if (!good || !next_event(self, &event, error))
            return FALSE;
        good = read_node(self, &event, &value, error);
        yaml_event_delete(&event);
        if (!good)
            return FALSE;
        json_object_object_add(object, key, value);
        g_string_truncate(self->path, base);
    }
}

static gboolean
read_sequence(Reader *self, LullJson *array, GError **error)
{
    const gsize base = self->path->len;

    for (;;) {
        yaml_event_t event;
        LullJson *value = NULL;

        if (!next_event(self, &event, error))
            return FALSE;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return TRUE;
        }
        g_string_append_printf(self->path, "[%zu]", json_object_array_length(array));
        note_line(self, &event);
        const gboolean good = read_node(self, &event, &value, error);
        yaml_event_delete(&event);
        if (!good)
            return FALSE;
        json_object_array_add(array, value);
        g_string_truncate(self->path, base);
    }
}

static gboolean
read_collection(Reader *self, const yaml_event_t *event, LullJson **ret_value, GError **error)
{
    const gboolean mapping = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag = mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    g_autoptr(LullJson) value = NULL;

    if (!charge(self, event, 1, error) ||
        !check_tag(event, tag, mapping ? YAML_MAP_TAG : YAML_SEQ_TAG, error))
        return FALSE;
    if (self->depth == LULL_YAML_MAX_DEPTH)
        return fail(event, error, "nested deeper than %d levels", LULL_YAML_MAX_DEPTH);
    self->depth++;
    value = mapping ? json_object_new_object() : json_object_new_array();
    if (!(mapping ? read_mapping(self, value, error) : read_sequence(self, value, error)))
        return FALSE;
    self->depth--;
    *ret_value = g_steal_pointer(&value);
    return TRUE;
}

static const char *
anchor_of(const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT)
        return (const char *)event->data.scalar.anchor;
    if (event->type == YAML_MAPPING_START_EVENT)
        return (const char *)event->data.mapping_start.anchor;
    if (event->type == YAML_SEQUENCE_START_EVENT)
        return (const char *)event->data.sequence_start.anchor;
    return NULL;
}

/* One value; @event begins it and stays the caller's. *@ret_value may be set to NULL: null. */
static gboolean
read_node(Reader *self, yaml_event_t *event, LullJson **ret_value, GError **error)
{
    const char *name = anchor_of(event);
    const guint before = self->cost;
    LullJson *value = NULL;
    Anchor *anchor = NULL;

    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(self, event, ret_value, error);
    if (name) {
        anchor = g_new0(Anchor, 1);
        g_hash_table_insert(self->anchors, g_strdup(name), anchor);
    }
    if (!(event->type == YAML_SCALAR_EVENT ? read_scalar(self, event, &value, error)
                                           : read_collection(self, event, &value, error)))
        return FALSE;
    if (anchor && g_hash_table_lookup(self->anchors, name) == anchor) {
        anchor->value = lull_json_dup(value);
        anchor->cost = MAX(self->cost - before, 1);
        anchor->whole = TRUE;
    }
    *ret_value = value;
    return TRUE;
}

static gboolean
read_document(Reader *self, guint number, GPtrArray *documents, GError **error)
{
    yaml_event_t event;
    LullJson *value = NULL;
    g_autoptr(GHashTable) lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    self->lines = lines;
    g_hash_table_remove_all(self->anchors);
    g_string_truncate(self->path, 0);
    if (!next_event(self, &event, error))
        return FALSE;
    const gboolean good = read_node(self, &event, &value, error);
    const guint line = (guint)event.start_mark.line + 1;
    yaml_event_delete(&event);
    if (!good || !next_event(self, &event, error)) {
        json_object_put(value);
        return FALSE;
    }
    yaml_event_delete(&event); /* the end of the document */
    if (value) {
        LullYamlDocument *document = g_new0(LullYamlDocument, 1);

        document->value = value;
        document->number = number;
        document->line = line;
        document->lines = g_hash_table_ref(lines);
        g_ptr_array_add(documents, document);
    }
    return TRUE;
}

static gboolean
read_stream(Reader *self, GPtrArray *documents, GError **error)
{
    for (guint number = 0;;) {
        yaml_event_t event;

        if (!next_event(self, &event, error))
            return FALSE;
        const yaml_event_type_t type = event.type;
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT)
            return TRUE;
        if (type == YAML_DOCUMENT_START_EVENT && !read_document(self, ++number, documents, error))
            return FALSE;
    }
}

GPtrArray *
lull_yaml_read(const char *text, gsize length, GError **error)
{
    g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func(document_free);
    Reader self = {0};
    gboolean good;

    if (length > LULL_YAML_MAX_BYTES) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "larger than %d bytes", LULL_YAML_MAX_BYTES);
        return NULL;
    }
    if (!yaml_parser_initialize(&self.parser)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "libyaml: out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&self.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&self.parser, (const unsigned char *)text, length);
    self.anchors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, anchor_free);
    self.path = g_string_new(NULL);
    good = read_stream(&self, documents, error);
    g_string_free(self.path, TRUE);
    g_hash_table_unref(self.anchors);
    yaml_parser_delete(&self.parser);
    return good ? g_steal_pointer(&documents) : NULL;
}

/* A key that is no field's name stands in brackets: "metadata.labels[a]" is the line of "metadata.labels.a".
 */
static guint
line_of_key(const LullYamlDocument *document, const char *field)
{
    const char *bracket = strrchr(field, '[');
    g_autofree char *key = bracket ? g_strndup(bracket + 1, strcspn(bracket + 1, "]")) : NULL;
    g_autofree char *path = key ? g_strdup_printf("%.*s.%s", (int)(bracket - field), field, key) : NULL;

    return path ? GPOINTER_TO_UINT(g_hash_table_lookup(document->lines, path)) : 0;
}

guint
lull_yaml_line_of(const LullYamlDocument *document, const char *field)
{
    g_autofree char *path = g_strdup(field);

    while (*path) {
        const guint exact = GPOINTER_TO_UINT(g_hash_table_lookup(document->lines, path));
        const guint line = exact ? exact : line_of_key(document, path);
        char *dot = strrchr(path, '.');
        char *bracket = strrchr(path, '[');

        if (line)
            return line;
        *(dot && dot > bracket ? dot : bracket ? bracket : path) = '\0';
    }
    return document->line;
}
