/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/discovery.h"

#include "coordinator/model/kind.h"

static const char *const reading[] = {"get", "list", "watch", NULL};
static const char *const all_verbs[] = {"create", "delete", "get", "list", "patch", "update", "watch", NULL};
static const char *const status_verbs[] = {"get", "patch", "update", NULL};
static const char *const categories[] = {"all", NULL};
static const char *const no_categories[] = {NULL};

static const char *const *
verbs_of(const LullKind *kind)
{
    return kind->read_only ? reading : all_verbs;
}

static const char *const *
categories_of(const LullKind *kind)
{
    return kind->read_only ? no_categories : categories;
}

static LullJson *
new_document(const char *kind)
{
    LullJson *document = json_object_new_object();

    lull_json_set_string(document, "kind", kind);
    lull_json_set_string(document, "apiVersion", "v1");
    return document;
}

static LullJson *
add_array(LullJson *object, const char *key)
{
    LullJson *array = json_object_new_array();

    lull_json_take(object, key, array);
    return array;
}

static void
add_strings(LullJson *object, const char *key, const char *const *strings)
{
    LullJson *array = add_array(object, key);

    for (; *strings; strings++)
        lull_json_append_string(array, *strings);
}

static gboolean
is_in(const LullKind *kind, const char *group, const char *version)
{
    return g_str_equal(kind->group, group) &&
           (g_str_equal(kind->version, version) || g_strcmp0(kind->other_version, version) == 0);
}

LullJson *
lull_discovery_legacy(void)
{
    LullJson *document = new_document("APIVersions");

    lull_json_append_string(add_array(document, "versions"), lull_kind_event.version);
    return document;
}

static LullJson *
group_version(const char *group, const char *version)
{
    LullJson *entry = json_object_new_object();
    g_autofree char *both = lull_group_version(group, version);

    lull_json_set_string(entry, "groupVersion", both);
    lull_json_set_string(entry, "version", version);
    return entry;
}

static void
fill_group(LullJson *group, const LullKind *kind)
{
    LullJson *versions;

    lull_json_set_string(group, "name", kind->group);
    versions = add_array(group, "versions");
    json_object_array_add(versions, group_version(kind->group, kind->version));
    if (kind->other_version)
        json_object_array_add(versions, group_version(kind->group, kind->other_version));
    lull_json_take(group, "preferredVersion", group_version(kind->group, kind->version));
}

/* The first kind of each group tells its versions. Kinds of a group stand together in the table. */
static const LullKind *const *
next_group(const LullKind *const *kind)
{
    const char *group = (*kind)->group;

    while (*kind && g_str_equal((*kind)->group, group))
        kind++;
    return kind;
}

LullJson *
lull_discovery_groups(void)
{
    LullJson *document = new_document("APIGroupList");
    LullJson *groups = add_array(document, "groups");

    for (const LullKind *const *kind = lull_kinds(); *kind; kind = next_group(kind)) {
        LullJson *group = json_object_new_object();
        fill_group(group, *kind);
        json_object_array_add(groups, group);
    }
    return document;
}

LullJson *
lull_discovery_group(const char *name)
{
    LullJson *group = new_document("APIGroup");

    for (const LullKind *const *kind = lull_kinds(); *kind; kind = next_group(kind))
        if (g_str_equal((*kind)->group, name))
            fill_group(group, *kind);
    return group;
}

static LullJson *
new_resource(const LullKind *kind)
{
    LullJson *resource = json_object_new_object();

    lull_json_set_string(resource, "name", kind->plural);
    lull_json_set_string(resource, "singularName", kind->singular);
    lull_json_set_bool(resource, "namespaced", TRUE);
    lull_json_set_string(resource, "kind", kind->kind);
    add_strings(resource, "verbs", verbs_of(kind));
    add_strings(resource, "shortNames", kind->short_names);
    add_strings(resource, "categories", categories_of(kind));
    return resource;
}

static LullJson *
new_status_resource(const LullKind *kind)
{
    LullJson *resource = json_object_new_object();
    g_autofree char *name = g_strconcat(kind->plural, "/status", NULL);

    lull_json_set_string(resource, "name", name);
    lull_json_set_string(resource, "singularName", "");
    lull_json_set_bool(resource, "namespaced", TRUE);
    lull_json_set_string(resource, "kind", kind->kind);
    add_strings(resource, "verbs", status_verbs);
    return resource;
}

static void
add_resources(LullJson *resources, const LullKind *kind)
{
    json_object_array_add(resources, new_resource(kind));
    if (!kind->read_only)
        json_object_array_add(resources, new_status_resource(kind));
}

LullJson *
lull_discovery_resources(const char *group, const char *version)
{
    LullJson *document = new_document("APIResourceList");
    LullJson *resources;
    g_autofree char *both = lull_group_version(group, version);

    lull_json_set_string(document, "groupVersion", both);
    resources = add_array(document, "resources");
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (is_in(*kind, group, version))
            add_resources(resources, *kind);
    if (is_in(&lull_kind_event, group, version))
        add_resources(resources, &lull_kind_event);
    return document;
}

/* The newer form: all groups, versions and resources in one answer. */

static LullJson *
response_kind(const LullKind *kind, const char *version)
{
    LullJson *response = json_object_new_object();

    lull_json_set_string(response, "group", kind->group);
    lull_json_set_string(response, "version", version);
    lull_json_set_string(response, "kind", kind->kind);
    return response;
}

static LullJson *
status_subresource(const LullKind *kind, const char *version)
{
    LullJson *status = json_object_new_object();

    lull_json_set_string(status, "subresource", "status");
    lull_json_take(status, "responseKind", response_kind(kind, version));
    add_strings(status, "verbs", status_verbs);
    return status;
}

static LullJson *
aggregated_resource(const LullKind *kind, const char *version)
{
    LullJson *resource = json_object_new_object();

    lull_json_set_string(resource, "resource", kind->plural);
    lull_json_take(resource, "responseKind", response_kind(kind, version));
    lull_json_set_string(resource, "scope", "Namespaced");
    lull_json_set_string(resource, "singularResource", kind->singular);
    add_strings(resource, "verbs", verbs_of(kind));
    add_strings(resource, "shortNames", kind->short_names);
    add_strings(resource, "categories", categories_of(kind));
    if (!kind->read_only)
        json_object_array_add(add_array(resource, "subresources"), status_subresource(kind, version));
    return resource;
}

/* @kinds: all there are, NULL ends. */
static LullJson *
aggregated_version(const LullKind *const *kinds, const char *group, const char *name)
{
    LullJson *version = json_object_new_object();
    LullJson *resources;

    lull_json_set_string(version, "version", name);
    resources = add_array(version, "resources");
    for (; *kinds; kinds++)
        if (is_in(*kinds, group, name))
            json_object_array_add(resources, aggregated_resource(*kinds, name));
    lull_json_set_string(version, "freshness", "Current");
    return version;
}

static LullJson *
aggregated_group(const LullKind *const *kinds, const LullKind *first)
{
    LullJson *group = json_object_new_object();
    LullJson *versions;

    if (*first->group)
        lull_json_set_string(lull_json_ensure(group, "metadata"), "name", first->group);
    versions = add_array(group, "versions");
    json_object_array_add(versions, aggregated_version(kinds, first->group, first->version));
    if (first->other_version)
        json_object_array_add(versions, aggregated_version(kinds, first->group, first->other_version));
    return group;
}

LullJson *
lull_discovery_aggregated(gboolean legacy)
{
    static const LullKind *const legacy_kinds[] = {&lull_kind_event, NULL};
    const LullKind *const *kinds = legacy ? legacy_kinds : lull_kinds();
    LullJson *document = new_document("APIGroupDiscoveryList");
    LullJson *items;

    lull_json_set_string(document, "apiVersion", "apidiscovery.k8s.io/v2");
    (void)lull_json_ensure(document, "metadata");
    items = add_array(document, "items");
    for (const LullKind *const *kind = kinds; *kind; kind = next_group(kind))
        json_object_array_add(items, aggregated_group(kinds, *kind));
    return document;
}

LullJson *
lull_discovery_version(void)
{
    LullJson *document = json_object_new_object();

    lull_json_set_string(document, "major", "1");
    lull_json_set_string(document, "minor", "0");
    lull_json_set_string(document, "gitVersion", "v" LULL_VERSION "+lull");
    lull_json_set_string(document, "platform", "linux");
    return document;
}
