/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/discovery.h"

#include "coordinator/model/kind.h"

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
add_strings(LullJson *array, const char *const *strings)
{
    for (; *strings; strings++)
        lull_json_append_string(array, *strings);
}

LullJson *
lull_discovery_legacy(void)
{
    LullJson *document = new_document("APIVersions");

    (void)add_array(document, "versions");
    return document;
}

static LullJson *
group_version(const char *group, const char *version)
{
    LullJson *entry = json_object_new_object();
    g_autofree char *both = g_strdup_printf("%s/%s", group, version);

    lull_json_set_string(entry, "groupVersion", both);
    lull_json_set_string(entry, "version", version);
    return entry;
}

static LullJson *
new_group(const LullKind *kind)
{
    LullJson *group = json_object_new_object();
    LullJson *versions;

    lull_json_set_string(group, "name", kind->group);
    versions = add_array(group, "versions");
    json_object_array_add(versions, group_version(kind->group, kind->version));
    if (kind->other_version)
        json_object_array_add(versions, group_version(kind->group, kind->other_version));
    lull_json_take(group, "preferredVersion", group_version(kind->group, kind->version));
    return group;
}

/* Kinds of a group stand together in the table. */
LullJson *
lull_discovery_groups(void)
{
    LullJson *document = new_document("APIGroupList");
    LullJson *groups = add_array(document, "groups");
    const char *last = NULL;

    for (const LullKind *const *kind = lull_kinds(); *kind; kind++) {
        if (g_strcmp0(last, (*kind)->group) != 0)
            json_object_array_add(groups, new_group(*kind));
        last = (*kind)->group;
    }
    return document;
}

static LullJson *
new_resource(const LullKind *kind)
{
    static const char *const reading[] = {"get", "list", "watch", NULL};
    static const char *const writing[] = {"create", "patch", "delete", NULL};
    LullJson *resource = json_object_new_object();
    LullJson *verbs;

    lull_json_set_string(resource, "name", kind->plural);
    lull_json_set_string(resource, "singularName", kind->singular);
    lull_json_set_bool(resource, "namespaced", TRUE);
    lull_json_set_string(resource, "kind", kind->kind);
    verbs = add_array(resource, "verbs");
    add_strings(verbs, reading);
    if (!kind->read_only)
        add_strings(verbs, writing);
    add_strings(add_array(resource, "shortNames"), (const char *const *)kind->short_names);
    return resource;
}

static LullJson *
new_status_resource(const LullKind *kind)
{
    static const char *const verbs[] = {"get", "patch", NULL};
    LullJson *resource = json_object_new_object();
    g_autofree char *name = g_strconcat(kind->plural, "/status", NULL);

    lull_json_set_string(resource, "name", name);
    lull_json_set_string(resource, "singularName", "");
    lull_json_set_bool(resource, "namespaced", TRUE);
    lull_json_set_string(resource, "kind", kind->kind);
    add_strings(add_array(resource, "verbs"), verbs);
    return resource;
}

LullJson *
lull_discovery_resources(const char *group, const char *version)
{
    LullJson *document = new_document("APIResourceList");
    LullJson *resources;
    g_autofree char *both = g_strdup_printf("%s/%s", group, version);

    lull_json_set_string(document, "groupVersion", both);
    resources = add_array(document, "resources");
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++) {
        if (!g_str_equal((*kind)->group, group))
            continue;
        json_object_array_add(resources, new_resource(*kind));
        if (!(*kind)->read_only)
            json_object_array_add(resources, new_status_resource(*kind));
    }
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
