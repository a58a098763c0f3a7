/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/url.h"

#include <string.h>

#include "protocol/names.h"

/* Everything but unreserved characters (RFC 3986) becomes %XX. */
static char *
escape(const char *part)
{
    return g_uri_escape_string(part, NULL, FALSE);
}

char *
lull_url_object(const LullKind *kind, const char *ns, const char *name)
{
    g_autofree char *ns_part = ns ? escape(ns) : NULL;
    g_autofree char *name_part = name ? escape(name) : NULL;

    return g_strconcat(*kind->group ? "/apis/" : "/api", kind->group, "/", kind->version,
                       ns_part ? "/namespaces/" : "", ns_part ? ns_part : "", "/", kind->plural,
                       name_part ? "/" : NULL, name_part, NULL);
}

char *
lull_url_status(const LullKind *kind, const char *ns, const char *name)
{
    g_autofree char *object = lull_url_object(kind, ns, name);

    return g_strconcat(object, "/status", NULL);
}

static void
add_text(GString *url, const char *key, const char *value)
{
    g_autofree char *escaped = NULL;

    if (!value || !*value)
        return;
    escaped = escape(value);
    g_string_append_printf(url, "%c%s=%s", strchr(url->str, '?') ? '&' : '?', key, escaped);
}

static void
add_number(GString *url, const char *key, guint value)
{
    g_autofree char *text = g_strdup_printf("%u", value);

    add_text(url, key, value ? text : NULL);
}

char *
lull_url_query(const char *path, const LullUrlQuery *query)
{
    GString *url = g_string_new(path);

    add_number(url, "limit", query->limit);
    add_text(url, "continue", query->continue_token);
    add_text(url, "labelSelector", query->label_selector);
    add_text(url, "fieldSelector", query->field_selector);
    if (!query->continue_token || !*query->continue_token)
        add_text(url, "resourceVersion", query->resource_version);
    add_text(url, "watch", query->watch ? "true" : NULL);
    add_text(url, "allowWatchBookmarks", query->bookmarks ? "true" : NULL);
    add_number(url, "timeoutSeconds", query->timeout_s);
    add_text(url, "fieldValidation", query->strict ? "Strict" : NULL);
    add_text(url, "dryRun", query->dry_run ? "All" : NULL);
    return g_string_free(url, FALSE);
}

static char *
subresource_of(const char *plural, const char *ns, const char *vm, const char *subresource)
{
    g_autofree char *ns_part = escape(ns);
    g_autofree char *vm_part = escape(vm);

    return g_strconcat("/apis/" LULL_GROUP_SUBRESOURCES "/v1/namespaces/", ns_part, "/", plural, "/", vm_part,
                       "/", subresource, NULL);
}

char *
lull_url_subresource(const char *ns, const char *vm, const char *subresource)
{
    return subresource_of("virtualmachineinstances", ns, vm, subresource);
}

char *
lull_url_machine_subresource(const char *ns, const char *vm, const char *subresource)
{
    return subresource_of("virtualmachines", ns, vm, subresource);
}
