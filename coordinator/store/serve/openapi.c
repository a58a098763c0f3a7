/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/openapi.h"

#include <string.h>

#include "coordinator/model/kind.h"
#include "coordinator/model/schema.h"

#define META_SCHEMA     "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
#define DURATION_SCHEMA "dev.lull.Duration" /* clients show the last part as the type */
#define SCHEMA_ROOT     "#/components/schemas/"
#define DURATION        SCHEMA_ROOT DURATION_SCHEMA
#define GVK_KEY         "x-kubernetes-group-version-kind"

static LullJson *
add_array(LullJson *parent, const char *key)
{
    LullJson *array = json_object_new_array();

    lull_json_take(parent, key, array);
    return array;
}

static LullJson *
reference(const char *name)
{
    LullJson *object = json_object_new_object();
    g_autofree char *target = g_strconcat(SCHEMA_ROOT, name, NULL);

    lull_json_set_string(object, "$ref", target);
    return object;
}

/* "io.kubevirt.snapshot.v1beta1.VirtualMachineSnapshot": the group from its end. */
static char *
schema_name(const LullKind *kind, const char *version, const char *suffix)
{
    g_auto(GStrv) parts = g_strsplit(kind->group, ".", -1);
    g_autoptr(GString) name = g_string_new(NULL);

    for (guint i = g_strv_length(parts); i-- > 0;)
        g_string_append_printf(name, "%s.", parts[i]);
    if (!*kind->group)
        g_string_append(name, "io.k8s.api.core.");
    g_string_append_printf(name, "%s.%s%s", version, kind->kind, suffix);
    return g_string_free(g_steal_pointer(&name), FALSE);
}

static LullJson *
kind_mark(const LullKind *kind, const char *version, const char *suffix)
{
    LullJson *mark = json_object_new_object();
    g_autofree char *name = g_strconcat(kind->kind, suffix, NULL);

    lull_json_set_string(mark, "group", kind->group);
    lull_json_set_string(mark, "version", version);
    lull_json_set_string(mark, "kind", name);
    return mark;
}

static void
add_text(LullJson *properties, const char *name, const char *doc)
{
    LullJson *property = lull_json_ensure(properties, name);

    lull_json_set_string(property, "type", "string");
    lull_json_set_string(property, "description", doc);
}

/* What every object begins with. */
static LullJson *
new_object_schema(const LullKind *kind, const char *version, const char *suffix, const char *doc)
{
    LullJson *schema = json_object_new_object();
    LullJson *properties;

    lull_json_set_string(schema, "type", "object");
    lull_json_set_string(schema, "description", doc);
    properties = lull_json_ensure(schema, "properties");
    add_text(properties, "apiVersion", "Group and version of the object's form.");
    add_text(properties, "kind", "What kind of object this is.");
    json_object_array_add(add_array(schema, GVK_KEY), kind_mark(kind, version, suffix));
    return schema;
}

/* Of a kind that has neither spec nor status. */
static void
add_own_fields(LullJson *schema, const LullKind *kind)
{
    g_autoptr(LullJson) own = lull_schema_of_fields(kind->fields, DURATION);
    LullJson *properties = lull_json_object(schema, "properties");
    LullJson *required = lull_json_array(own, "required");

    json_object_object_foreach(lull_json_object(own, "properties"), key, value)
    {
        lull_json_take(properties, key, json_object_get(value));
    }
    if (required)
        lull_json_take(schema, "required", json_object_get(required));
}

static LullJson *
object_schema(const LullKind *kind, const char *version)
{
    LullJson *schema = new_object_schema(kind, version, "", kind->doc);
    LullJson *properties = lull_json_object(schema, "properties");
    LullJson *metadata = json_object_new_object();
    LullJson *all = add_array(metadata, "allOf");

    json_object_array_add(all, reference(META_SCHEMA));
    lull_json_set_string(metadata, "description", "Name, labels and what else every object has.");
    lull_json_take(properties, "metadata", metadata);
    if (kind->fields) {
        add_own_fields(schema, kind);
        return schema;
    }
    lull_json_take(properties, "spec", lull_schema_of_part(kind, kind->spec, DURATION));
    lull_json_take(properties, "status", lull_schema_of_part(kind, kind->status, DURATION));
    lull_json_append_string(add_array(schema, "required"), "spec");
    return schema;
}

static LullJson *
list_schema(const LullKind *kind, const char *version)
{
    LullJson *schema = new_object_schema(kind, version, "List", "A list of objects of the kind.");
    LullJson *properties = lull_json_object(schema, "properties");
    LullJson *items = json_object_new_object();
    g_autofree char *name = schema_name(kind, version, "");

    lull_json_set_string(lull_json_ensure(properties, "metadata"), "type", "object");
    lull_json_set_string(items, "type", "array");
    lull_json_take(items, "items", reference(name));
    lull_json_take(properties, "items", items);
    return schema;
}

static void
add_parameter(LullJson *parameters, const char *name, const char *where, const char *type, const char *doc)
{
    LullJson *parameter = json_object_new_object();

    lull_json_set_string(parameter, "name", name);
    lull_json_set_string(parameter, "in", where);
    lull_json_set_string(parameter, "description", doc);
    if (g_str_equal(where, "path"))
        lull_json_set_bool(parameter, "required", TRUE);
    lull_json_set_string(lull_json_ensure(parameter, "schema"), "type", type);
    json_object_array_add(parameters, parameter);
}

typedef struct {
    const char *method, *action;
    const char *body;  /* its media type, or NULL */
    gboolean list;     /* answers a list */
    gboolean selects;  /* takes the parameters of a list */
    const char *other; /* one more media type of the body */
} Operation;

static const Operation collection_operations[] = {
    {"get", "list", NULL, TRUE, TRUE, NULL},
    {"post", "post", "application/json", FALSE, FALSE, NULL},
};
static const Operation object_operations[] = {
    {"get", "get", NULL, FALSE, FALSE, NULL},
    {"put", "put", "application/json", FALSE, FALSE, NULL},
    {"patch", "patch", "application/merge-patch+json", FALSE, FALSE, "application/json-patch+json"},
    {"delete", "delete", NULL, FALSE, FALSE, NULL},
};

static void
add_query(LullJson *operation, const Operation *row)
{
    LullJson *parameters = add_array(operation, "parameters");

    if (row->selects) {
        add_parameter(parameters, "labelSelector", "query", "string", "Which objects, by their labels.");
        add_parameter(parameters, "fieldSelector", "query", "string", "Which objects, by name or namespace.");
        add_parameter(parameters, "limit", "query", "integer", "How many at a time.");
        add_parameter(parameters, "continue", "query", "string", "Where the page before ended.");
        add_parameter(parameters, "watch", "query", "boolean", "Changes as they come, instead of a list.");
        add_parameter(parameters, "resourceVersion", "query", "string", "Where a watch begins.");
        add_parameter(parameters, "allowWatchBookmarks", "query", "boolean", "Whether to tell positions.");
        add_parameter(parameters, "timeoutSeconds", "query", "integer", "When a watch ends.");
    } else if (!g_str_equal(row->method, "get")) {
        add_parameter(parameters, "dryRun", "query", "string", "All: do everything but the change.");
        add_parameter(parameters, "fieldManager", "query", "string", "Who changes it; not recorded.");
        if (!g_str_equal(row->method, "delete"))
            add_parameter(parameters, "fieldValidation", "query", "string",
                          "Unknown fields are refused whatever it says.");
    }
}

static void
add_media(LullJson *content, const char *type, LullJson *take_schema)
{
    lull_json_take(lull_json_ensure(content, type), "schema", take_schema);
}

static void
add_operation(LullJson *path, const Operation *row, const LullKind *kind, const char *version)
{
    LullJson *operation = lull_json_ensure(path, row->method);
    g_autofree char *name = schema_name(kind, version, "");
    g_autofree char *answer = schema_name(kind, version, row->list ? "List" : "");
    LullJson *response, *content;

    add_query(operation, row);
    if (row->body) {
        content = lull_json_ensure(lull_json_ensure(operation, "requestBody"), "content");
        add_media(content, row->body,
                  g_str_equal(row->method, "patch") ? json_object_new_object() : reference(name));
        if (row->other)
            add_media(content, row->other, json_object_new_object());
    }
    response = lull_json_ensure(lull_json_ensure(operation, "responses"),
                                g_str_equal(row->method, "post") ? "201" : "200");
    lull_json_set_string(response, "description", "OK");
    add_media(lull_json_ensure(response, "content"), "application/json", reference(answer));
    lull_json_set_string(operation, "x-kubernetes-action", row->action);
    lull_json_take(operation, GVK_KEY, kind_mark(kind, version, ""));
}

static void
add_path(LullJson *paths, const char *text, const LullKind *kind, const char *version, const Operation *rows,
         gsize count)
{
    LullJson *path = lull_json_ensure(paths, text);
    LullJson *parameters = add_array(path, "parameters");

    add_parameter(parameters, "namespace", "path", "string", "Namespace of the objects.");
    if (strstr(text, "{name}"))
        add_parameter(parameters, "name", "path", "string", "Name of the object.");
    for (gsize i = 0; i < count; i++)
        if (!kind->read_only || g_str_equal(rows[i].method, "get"))
            add_operation(path, &rows[i], kind, version);
}

static char *
group_path(const char *group, const char *version)
{
    return *group ? g_strdup_printf("apis/%s/%s", group, version) : g_strdup_printf("api/%s", version);
}

static void
add_kind(LullJson *document, const LullKind *kind, const char *version)
{
    LullJson *schemas = lull_json_at(document, "components", "schemas", NULL);
    LullJson *paths = lull_json_object(document, "paths");
    g_autofree char *base = group_path(kind->group, version);
    g_autofree char *collection = g_strdup_printf("/%s/namespaces/{namespace}/%s", base, kind->plural);
    g_autofree char *object = g_strconcat(collection, "/{name}", NULL);
    g_autofree char *status = g_strconcat(object, "/status", NULL);
    g_autofree char *name = schema_name(kind, version, "");
    g_autofree char *list = schema_name(kind, version, "List");

    lull_json_take(schemas, name, object_schema(kind, version));
    lull_json_take(schemas, list, list_schema(kind, version));
    add_path(paths, collection, kind, version, collection_operations, G_N_ELEMENTS(collection_operations));
    add_path(paths, object, kind, version, object_operations, G_N_ELEMENTS(object_operations));
    if (!kind->read_only) /* all but the deletion */
        add_path(paths, status, kind, version, object_operations, G_N_ELEMENTS(object_operations) - 1);
}

LullJson *
lull_openapi_document(const char *group, const char *version)
{
    LullJson *document = json_object_new_object();
    LullJson *info, *schemas;

    lull_json_set_string(document, "openapi", "3.0.0");
    info = lull_json_ensure(document, "info");
    lull_json_set_string(info, "title", "Lull");
    lull_json_set_string(info, "version", LULL_VERSION);
    (void)lull_json_ensure(document, "paths");
    schemas = lull_json_ensure(lull_json_ensure(document, "components"), "schemas");
    lull_json_take(schemas, META_SCHEMA, lull_schema_of_fields(lull_kind_meta_fields, DURATION));
    lull_json_take(schemas, DURATION_SCHEMA, lull_schema_duration());
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (g_str_equal((*kind)->group, group))
            add_kind(document, *kind, version);
    if (g_str_equal(lull_kind_event.group, group))
        add_kind(document, &lull_kind_event, version);
    return document;
}

/* Clients keep a document for as long as its address stays the same. */
static void
add_address(LullJson *paths, const char *group, const char *version)
{
    g_autoptr(LullJson) document = lull_openapi_document(group, version);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, lull_json_to_line(document), -1);
    g_autofree char *path = group_path(group, version);
    g_autofree char *address = g_strdup_printf("/openapi/v3/%s?hash=%s", path, hash);

    lull_json_set_string(lull_json_ensure(paths, path), "serverRelativeURL", address);
}

LullJson *
lull_openapi_index(void)
{
    LullJson *index = json_object_new_object();
    LullJson *paths = lull_json_ensure(index, "paths");

    add_address(paths, lull_kind_event.group, lull_kind_event.version);
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++) {
        add_address(paths, (*kind)->group, (*kind)->version);
        if ((*kind)->other_version)
            add_address(paths, (*kind)->group, (*kind)->other_version);
    }
    return index;
}
