/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/schema.h"

#include "coordinator/model/check.h"
#include "coordinator/model/meta.h"

#define PRESERVE "x-kubernetes-preserve-unknown-fields"
#define RULES    "x-kubernetes-validations"
#define DURATION "A duration is a text such as \"90s\", \"5m\" or \"1h30m\", or a number of seconds."

static LullJson *
add_strings(LullJson *parent, const char *key, const char *const *values)
{
    LullJson *array = json_object_new_array();

    for (; values && *values; values++)
        lull_json_append_string(array, *values);
    lull_json_take(parent, key, array);
    return array;
}

static LullJson *
new_typed(const char *type)
{
    LullJson *schema = json_object_new_object();

    lull_json_set_string(schema, "type", type);
    return schema;
}

static LullJson *
new_text(const LullField *field)
{
    LullJson *schema = new_typed("string");

    if (field->required && !field->values)
        lull_json_set_int(schema, "minLength", 1);
    if (field->max_length)
        lull_json_set_int(schema, "maxLength", field->max_length);
    return schema;
}

static void
add_rule(LullJson *schema, const LullRule *rule)
{
    LullJson *rules = lull_json_array(schema, RULES);
    LullJson *entry = json_object_new_object();

    if (!rules) {
        rules = json_object_new_array();
        lull_json_take(schema, RULES, rules);
    }
    lull_json_set_string(entry, "rule", rule->holds);
    lull_json_set_string(entry, "message", rule->message);
    if (rule->expression)
        lull_json_set_string(entry, "messageExpression", rule->expression);
    if (rule->missing)
        lull_json_set_string(entry, "reason", LULL_CAUSE_REQUIRED);
    if (rule->field)
        lull_json_set_string(entry, "fieldPath", rule->field);
    json_object_array_add(rules, entry);
}

static LullJson *
array_of(const LullField *field, const char *duration)
{
    LullJson *schema = new_typed("array");
    LullJson *items = field->fields ? lull_schema_of_fields(field->fields, duration) : new_text(field);

    for (const LullRule *rule = field->rules; rule && rule->holds; rule++)
        add_rule(items, rule);
    lull_json_take(schema, "items", items);
    if (field->max_items)
        lull_json_set_int(schema, "maxItems", field->max_items);
    lull_json_set_string(schema, "x-kubernetes-list-type", "atomic");
    return schema;
}

static LullJson *
anything(void)
{
    LullJson *schema = new_typed("object");

    lull_json_set_bool(schema, PRESERVE, TRUE);
    return schema;
}

static LullJson *
new_map(void)
{
    LullJson *schema = new_typed("object");

    lull_json_take(schema, "additionalProperties", new_typed("string"));
    return schema;
}

/* A null counts as absent wherever there may be a time. */
static LullJson *
new_time(void)
{
    LullJson *schema = new_typed("string");

    lull_json_set_string(schema, "format", "date-time");
    lull_json_set_bool(schema, "nullable", TRUE);
    return schema;
}

static LullJson *
new_int(void)
{
    LullJson *schema = new_typed("integer");

    lull_json_set_string(schema, "format", "int64");
    return schema;
}

LullJson *
lull_schema_duration(void)
{
    LullJson *schema = json_object_new_object();
    LullJson *types = json_object_new_array();

    json_object_array_add(types, new_typed("integer"));
    json_object_array_add(types, new_typed("string"));
    lull_json_take(schema, "anyOf", types);
    lull_json_set_string(schema, "pattern", LULL_DURATION_PATTERN);
    lull_json_set_bool(schema, "x-kubernetes-int-or-string", TRUE);
    lull_json_set_string(schema, "description", DURATION);
    return schema;
}

/* A type with a name, where there can be one: what has several types is told by that alone. */
static LullJson *
new_duration(const char *reference)
{
    LullJson *schema, *all;

    if (!reference)
        return lull_schema_duration();
    schema = json_object_new_object();
    all = json_object_new_array();
    json_object_array_add(all, json_object_new_object());
    lull_json_set_string(json_object_array_get_idx(all, 0), "$ref", reference);
    lull_json_take(schema, "allOf", all);
    return schema;
}

static void
describe(LullJson *schema, const LullField *field)
{
    const char *more = lull_json_string(schema, "description", NULL);
    g_autofree char *text = more ? g_strdup_printf("%s %s", field->doc, more) : g_strdup(field->doc);

    lull_json_set_string(schema, "description", text);
}

static LullJson *
schema_of(const LullField *field, const char *duration)
{
    switch (field->type) {
    case LULL_FIELD_STRING:
        return new_text(field);
    case LULL_FIELD_INT:
        return new_int();
    case LULL_FIELD_BOOL:
        return new_typed("boolean");
    case LULL_FIELD_DURATION:
        return new_duration(duration);
    case LULL_FIELD_TIME:
        return new_time();
    case LULL_FIELD_OBJECT:
        return lull_schema_of_fields(field->fields, duration);
    case LULL_FIELD_ARRAY:
        return array_of(field, duration);
    case LULL_FIELD_MAP:
        return new_map();
    case LULL_FIELD_ANY:
        break;
    }
    return anything();
}

LullJson *
lull_schema_of_fields(const LullField *fields, const char *duration)
{
    LullJson *schema = new_typed("object");
    LullJson *properties = lull_json_ensure(schema, "properties");
    g_autoptr(LullJson) required = json_object_new_array();

    for (const LullField *field = fields; field && field->name; field++) {
        LullJson *property = schema_of(field, duration);

        describe(property, field);
        if (field->values)
            (void)add_strings(property, "enum", field->values);
        for (const LullRule *rule = field->rules; rule && rule->holds && field->type != LULL_FIELD_ARRAY;
             rule++)
            add_rule(property, rule);
        if (field->required)
            lull_json_append_string(required, field->name);
        lull_json_take(properties, field->name, property);
    }
    if (json_object_array_length(required) > 0)
        lull_json_take(schema, "required", json_object_get(required));
    return schema;
}

LullJson *
lull_schema_of_part(const LullKind *kind, const LullField *fields, const char *duration)
{
    LullJson *schema = fields ? lull_schema_of_fields(fields, duration) : anything();

    lull_json_set_string(schema, "description",
                         fields && fields == kind->status ? "What the coordinator has found and done."
                                                          : "What is wanted.");
    return schema;
}

/* In the place of an enum: where that is violated, rules are not looked at. */
static void
tell_values_by_rule(LullJson *schema, const LullField *field)
{
    g_autofree char *values = g_strjoinv("', '", (char **)field->values);
    g_autofree char *known = g_strjoinv(", ", (char **)field->values);
    g_autofree char *doc = g_strdup_printf("%s One of %s.", field->doc, known);
    g_autofree char *holds = g_strdup_printf("self in ['%s']", values);
    g_autofree char *message = lull_check_not_among(field, "asked for");
    g_autofree char *shown = lull_check_not_among(field, "\\\"\" + self + \"\\\"");
    g_autofree char *expression = g_strdup_printf("\"%s\"", shown);
    const LullRule rule = {holds, NULL, FALSE, message, expression};

    json_object_object_del(schema, "enum");
    lull_json_set_string(schema, "description", doc);
    add_rule(schema, &rule);
}

static LullJson *
spec_of(const LullKind *kind)
{
    static const LullRule fixed = {"self == oldSelf", NULL, FALSE, LULL_FAULT_FIXED, NULL};
    LullJson *spec = lull_schema_of_part(kind, kind->spec, NULL);

    if (kind->spec_fixed)
        add_rule(spec, &fixed);
    for (const LullField *field = kind->spec; field && field->name; field++)
        if (field->own_text)
            tell_values_by_rule(lull_json_at(spec, "properties", field->name, NULL), field);
    return spec;
}

static LullJson *
whole(const LullKind *kind)
{
    LullJson *schema = new_typed("object");
    LullJson *properties;

    lull_json_set_string(schema, "description", kind->doc);
    properties = lull_json_ensure(schema, "properties");
    lull_json_take(properties, "apiVersion", new_typed("string"));
    lull_json_take(properties, "kind", new_typed("string"));
    lull_json_take(properties, "metadata", new_typed("object"));
    lull_json_take(properties, "spec", spec_of(kind));
    lull_json_take(properties, "status", lull_schema_of_part(kind, kind->status, NULL));
    (void)add_strings(schema, "required", (const char *const[]){"spec", NULL});
    return schema;
}

static LullJson *
columns_of(const LullKind *kind)
{
    LullJson *columns = json_object_new_array();

    for (const LullColumn *column = kind->columns; column && column->name; column++) {
        LullJson *entry = json_object_new_object();

        lull_json_set_string(entry, "name", column->name);
        lull_json_set_string(entry, "type", column->type);
        lull_json_set_string(entry, "jsonPath", column->path);
        lull_json_set_string(entry, "description", lull_kind_doc(kind, column->path));
        json_object_array_add(columns, entry);
    }
    return columns;
}

static LullJson *
selectable_of(const LullKind *kind)
{
    LullJson *fields = json_object_new_array();

    for (const LullSelectable *field = kind->selectable; field && field->name; field++) {
        LullJson *entry = json_object_new_object();

        lull_json_set_string(entry, "jsonPath", field->path);
        json_object_array_add(fields, entry);
    }
    return fields;
}

static LullJson *
version_of(const LullKind *kind, const char *name)
{
    LullJson *version = json_object_new_object();

    lull_json_set_string(version, "name", name);
    lull_json_set_bool(version, "served", TRUE);
    lull_json_set_bool(version, "storage", g_str_equal(name, kind->version));
    (void)lull_json_ensure(lull_json_ensure(version, "subresources"), "status");
    lull_json_take(version, "additionalPrinterColumns", columns_of(kind));
    if (kind->selectable)
        lull_json_take(version, "selectableFields", selectable_of(kind));
    lull_json_take(lull_json_ensure(version, "schema"), "openAPIV3Schema", whole(kind));
    return version;
}

static void
add_names(LullJson *spec, const LullKind *kind, const LullApiGroup *group)
{
    LullJson *names = lull_json_ensure(spec, "names");
    g_autofree char *list = g_strconcat(kind->kind, "List", NULL);
    g_auto(GStrv) short_names = lull_api_group_short_names(group, kind);

    lull_json_set_string(names, "kind", kind->kind);
    lull_json_set_string(names, "listKind", list);
    lull_json_set_string(names, "plural", kind->plural);
    lull_json_set_string(names, "singular", kind->singular);
    (void)add_strings(names, "shortNames", (const char *const *)short_names);
    if (group->in_all)
        (void)add_strings(names, "categories", (const char *const[]){"all", NULL});
}

LullJson *
lull_schema_crd(const LullKind *kind, const LullApiGroup *group)
{
    LullJson *crd = json_object_new_object();
    g_autofree char *name = g_strdup_printf("%s.%s", kind->plural, group->name);
    LullJson *spec, *versions;

    lull_json_set_string(crd, "apiVersion", "apiextensions.k8s.io/v1");
    lull_json_set_string(crd, "kind", "CustomResourceDefinition");
    lull_json_set_string(lull_json_ensure(crd, "metadata"), "name", name);
    spec = lull_json_ensure(crd, "spec");
    lull_json_set_string(spec, "group", group->name);
    lull_json_set_string(spec, "scope", "Namespaced");
    add_names(spec, kind, group);
    versions = json_object_new_array();
    lull_json_take(spec, "versions", versions);
    json_object_array_add(versions, version_of(kind, kind->version));
    if (kind->other_version)
        json_object_array_add(versions, version_of(kind, kind->other_version));
    return crd;
}
