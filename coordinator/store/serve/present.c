/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/present.h"

#include "coordinator/model/age.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"

#define META_VERSION       "meta.k8s.io/v1"
#define INITIAL_EVENTS_END "k8s.io/initial-events-end"
#define NAME_DOC           "Name, unique among objects of the kind."

gboolean
lull_include_parse(const char *word, LullInclude *ret_include)
{
    static const char *const words[] = {"Metadata", "None", "Object"};

    *ret_include = LULL_INCLUDE_METADATA;
    for (gsize i = 0; word && i < G_N_ELEMENTS(words); i++)
        if (g_str_equal(word, words[i])) {
            *ret_include = (LullInclude)i;
            return TRUE;
        }
    return !word;
}

static void
set_type(const LullPresent *self, LullJson *object, const char *suffix)
{
    g_autofree char *api_version = lull_group_version(self->kind->group, self->version);
    g_autofree char *kind = g_strconcat(self->kind->kind, suffix, NULL);

    lull_json_set_string(object, "apiVersion", api_version);
    lull_json_set_string(object, "kind", kind);
}

static LullJson *
new_meta_object(const char *kind)
{
    LullJson *object = json_object_new_object();

    lull_json_set_string(object, "kind", kind);
    lull_json_set_string(object, "apiVersion", META_VERSION);
    return object;
}

static LullJson *
metadata_only(LullJson *object)
{
    LullJson *partial = new_meta_object("PartialObjectMetadata");

    lull_json_take(partial, "metadata", json_object_get(lull_json_object(object, "metadata")));
    return partial;
}

/* Tables */

static void
add_definition(LullJson *definitions, const char *name, const char *type, const char *format,
               const char *description, int priority)
{
    LullJson *definition = json_object_new_object();

    lull_json_set_string(definition, "name", name);
    lull_json_set_string(definition, "type", type);
    lull_json_set_string(definition, "format", format);
    lull_json_set_string(definition, "description", description ? description : "");
    lull_json_set_int(definition, "priority", priority);
    json_object_array_add(definitions, definition);
}

static LullJson *
definitions_of(const LullKind *kind)
{
    LullJson *definitions = json_object_new_array();

    if (!kind->named_last)
        add_definition(definitions, "Name", "string", "name", NAME_DOC, 0);
    for (const LullColumn *column = kind->columns; column && column->name; column++)
        add_definition(definitions, column->name,
                       g_str_equal(column->type, "reference") ? "string" : column->type, "",
                       lull_kind_doc(kind, column->path), column->wide);
    if (kind->named_last)
        add_definition(definitions, "Name", "string", "name", NAME_DOC, 1);
    for (const LullColumn *column = kind->more_columns; column && column->name; column++)
        add_definition(definitions, column->name, "string", "", "What the report of the freeze says.", 1);
    return definitions;
}

static LullJson *
age_of(LullJson *value)
{
    gint64 when;
    g_autofree char *age =
        json_object_is_type(value, json_type_string) && lull_clock_parse(json_object_get_string(value), &when)
            ? lull_age_format(lull_clock_realtime() - when)
            : g_strdup("<unknown>");

    return json_object_new_string(age);
}

static LullJson *
milliseconds_of(LullJson *value)
{
    const double ms = json_object_get_double(value);
    g_autofree char *text = ms >= 0 && ms < 1e9 ? lull_age_format_ms(ms) : g_strdup("");

    return json_object_new_string(text);
}

static LullJson *
reference_of(LullJson *object)
{
    g_autofree char *kind = g_ascii_strdown(lull_json_string(object, "kind", ""), -1);
    g_autofree char *text = g_strconcat(kind, "/", lull_json_string(object, "name", ""), NULL);

    return json_object_new_string(text);
}

/* Null where there is nothing, as real servers have it. */
static LullJson *
cell_of(const LullColumn *column, LullJson *object)
{
    LullJson *value = lull_kind_find(object, column->path);

    if (value && g_str_equal(column->type, "reference"))
        return reference_of(value);
    if (!value || json_object_is_type(value, json_type_object) || json_object_is_type(value, json_type_array))
        return NULL;
    if (g_str_equal(column->type, "date"))
        return age_of(value);
    return g_str_equal(column->type, "duration") ? milliseconds_of(value) : json_object_get(value);
}

/* Guests had a hand in the report: what does not fit is not shown. */
static void
add_report_cells(LullJson *cells, const LullKind *kind, LullJson *object)
{
    const char *text = kind->more_columns ? lull_meta_annotation(object, LULL_ANNOTATION_REPORT) : NULL;
    g_autoptr(LullJson) report = text ? lull_json_parse(text, -1, NULL) : NULL;

    for (const LullColumn *column = kind->more_columns; column && column->name; column++)
        json_object_array_add(cells, report ? cell_of(column, report) : NULL);
}

static LullJson *
row_of(const LullPresent *self, LullJson *object)
{
    LullJson *row = json_object_new_object();
    LullJson *cells = json_object_new_array();
    const char *name = lull_meta_name(object) ? lull_meta_name(object) : "";

    if (!self->kind->named_last)
        json_object_array_add(cells, json_object_new_string(name));
    for (const LullColumn *column = self->kind->columns; column && column->name; column++)
        json_object_array_add(cells, cell_of(column, object));
    if (self->kind->named_last)
        json_object_array_add(cells, json_object_new_string(name));
    add_report_cells(cells, self->kind, object);
    lull_json_take(row, "cells", cells);
    if (self->include == LULL_INCLUDE_OBJECT)
        lull_json_take(row, "object", json_object_get(object));
    else if (self->include == LULL_INCLUDE_METADATA)
        lull_json_take(row, "object", metadata_only(object));
    return row;
}

static LullJson *
new_table(const LullPresent *self, LullJson *metadata)
{
    LullJson *table = new_meta_object("Table");

    lull_json_take(table, "metadata", metadata);
    lull_json_take(table, "columnDefinitions", definitions_of(self->kind));
    lull_json_take(table, "rows", json_object_new_array());
    return table;
}

static LullJson *
version_metadata(const char *resource_version)
{
    LullJson *metadata = json_object_new_object();

    lull_json_set_string(metadata, "resourceVersion", resource_version);
    return metadata;
}

LullJson *
lull_present_object(const LullPresent *self, LullJson *object)
{
    LullJson *table;

    set_type(self, object, "");
    if (self->form == LULL_ACCEPT_METADATA)
        return metadata_only(object);
    if (self->form != LULL_ACCEPT_TABLE)
        return json_object_get(object);
    table = new_table(self, version_metadata(lull_meta_version(object)));
    json_object_array_add(lull_json_array(table, "rows"), row_of(self, object));
    return table;
}

gboolean
lull_present_is_stored(const LullPresent *self)
{
    return self->form == LULL_ACCEPT_JSON && g_str_equal(self->version, self->kind->version);
}

LullJson *
lull_present_list(const LullPresent *self, LullJson *list)
{
    LullJson *items = lull_json_array(list, "items");
    LullJson *metadata = lull_json_object(list, "metadata");
    LullJson *shown = json_object_new_array();
    LullJson *document;

    for (size_t i = 0; items && i < json_object_array_length(items); i++) {
        LullJson *item = json_object_array_get_idx(items, i);
        if (!lull_present_is_stored(self))
            set_type(self, item, "");
        json_object_array_add(shown, self->form == LULL_ACCEPT_TABLE      ? row_of(self, item)
                                     : self->form == LULL_ACCEPT_METADATA ? metadata_only(item)
                                                                          : json_object_get(item));
    }
    if (self->form == LULL_ACCEPT_TABLE) {
        document = new_table(self, json_object_get(metadata));
        lull_json_take(document, "rows", shown);
        return document;
    }
    document = new_meta_object("PartialObjectMetadataList");
    if (self->form != LULL_ACCEPT_METADATA)
        set_type(self, document, "List");
    lull_json_take(document, "metadata", json_object_get(metadata));
    lull_json_take(document, "items", shown);
    return document;
}

LullJson *
lull_present_bookmark(const LullPresent *self, const char *resource_version, gboolean initial_end)
{
    LullJson *metadata = version_metadata(resource_version);
    LullJson *object;

    if (initial_end)
        lull_json_set_string(lull_json_ensure(metadata, "annotations"), INITIAL_EVENTS_END, "true");
    if (self->form == LULL_ACCEPT_TABLE)
        return new_table(self, metadata);
    object = new_meta_object("PartialObjectMetadata");
    if (self->form != LULL_ACCEPT_METADATA)
        set_type(self, object, "");
    lull_json_take(object, "metadata", metadata);
    return object;
}
