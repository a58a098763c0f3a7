/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/route.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/names.h"

static LullRouteType
fixed_route(const char *path)
{
    static const struct {
        const char *path;
        LullRouteType type;
    } rows[] = {
        {"/healthz", LULL_ROUTE_HEALTH},     {"/livez", LULL_ROUTE_HEALTH}, {"/readyz", LULL_ROUTE_HEALTH},
        {"/version", LULL_ROUTE_VERSION},    {"/api", LULL_ROUTE_LEGACY},   {"/apis", LULL_ROUTE_GROUPS},
        {"/openapi/v3", LULL_ROUTE_OPENAPI},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_str_equal(rows[i].path, path))
            return rows[i].type;
    return LULL_ROUTE_NONE;
}

/* @version NULL: any. */
static gboolean
is_served(const char *group, const char *version)
{
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (g_str_equal((*kind)->group, group) && (!version || g_str_equal((*kind)->version, version) ||
                                                   g_strcmp0((*kind)->other_version, version) == 0))
            return TRUE;
    return g_str_equal(group, lull_kind_event.group) &&
           (!version || g_str_equal(version, lull_kind_event.version));
}

static const LullKind *
find_kind(const char *group, const char *plural)
{
    if (g_str_equal(group, lull_kind_event.group))
        return g_str_equal(plural, lull_kind_event.plural) ? &lull_kind_event : NULL;
    return lull_kind_by_plural(group, plural);
}

static LullRouteType
subresource_route(LullRoute *route, const char *const *rest, guint count)
{
    if (!g_str_equal(route->version, lull_kind_vm.version) || !route->ns || count != 3 ||
        !g_str_equal(rest[0], "virtualmachineinstances"))
        return LULL_ROUTE_NONE;
    route->name = g_strdup(rest[1]);
    route->subresource = g_strdup(rest[2]);
    return lull_name_is_valid(route->name) ? LULL_ROUTE_SUBRESOURCE : LULL_ROUTE_NONE;
}

/* @rest: PLURAL[/NAME[/status]] */
static LullRouteType
resource_route(LullRoute *route, const char *const *rest, guint count)
{
    if (!is_served(route->group, route->version))
        return LULL_ROUTE_NONE;
    if (count == 0)
        return route->ns ? LULL_ROUTE_NONE : LULL_ROUTE_RESOURCES;
    route->kind = find_kind(route->group, rest[0]);
    if (route->kind == &lull_kind_snapshot && route->ns && count == 3 && g_str_equal(rest[2], "verify")) {
        route->name = g_strdup(rest[1]);
        route->subresource = g_strconcat(rest[0], "/verify", NULL);
        route->kind = NULL;
        return lull_name_is_valid(route->name) ? LULL_ROUTE_SUBRESOURCE : LULL_ROUTE_NONE;
    }
    if (!route->kind || count > 3 || (count > 1 && !route->ns) ||
        (count == 3 && !g_str_equal(rest[2], "status")))
        return LULL_ROUTE_NONE;
    if (count == 1)
        return LULL_ROUTE_COLLECTION;
    route->name = g_strdup(rest[1]);
    if (!lull_name_is_valid(route->name))
        return LULL_ROUTE_NONE;
    return count == 3 ? LULL_ROUTE_STATUS : LULL_ROUTE_OBJECT;
}

/* What follows "/apis/" or "/api/". */
static LullRouteType
group_route(LullRoute *route, const char *const *rest, guint count)
{
    if (count >= 2 && g_str_equal(rest[0], "namespaces")) {
        route->ns = g_strdup(rest[1]);
        if (!lull_name_is_valid(route->ns))
            return LULL_ROUTE_NONE;
        rest += 2;
        count -= 2;
    }
    return g_str_equal(route->group, LULL_GROUP_SUBRESOURCES) ? subresource_route(route, rest, count)
                                                              : resource_route(route, rest, count);
}

/* @parts: "apis/GROUP/VERSION" or "api/VERSION"; returns how many name the group, 0: it is none. */
static guint
take_group(LullRoute *route, const char *const *parts, guint count)
{
    if (count >= 2 && g_str_equal(parts[0], "api")) {
        route->group = g_strdup("");
        route->version = g_strdup(parts[1]);
        return 2;
    }
    if (count < 3 || !g_str_equal(parts[0], "apis") || !*parts[1])
        return 0;
    route->group = g_strdup(parts[1]);
    route->version = g_strdup(parts[2]);
    return 3;
}

static LullRouteType
parse_parts(LullRoute *route, const char *const *parts, guint count)
{
    const gboolean schema = count > 2 && g_str_equal(parts[0], "openapi") && g_str_equal(parts[1], "v3");
    const guint skipped = schema ? 2 : 0;
    guint taken;

    if (!schema && count == 2 && g_str_equal(parts[0], "apis")) {
        route->group = g_strdup(parts[1]);
        return *parts[1] && is_served(parts[1], NULL) ? LULL_ROUTE_GROUP : LULL_ROUTE_NONE;
    }
    taken = take_group(route, parts + skipped, count - skipped);
    if (!taken)
        return LULL_ROUTE_NONE;
    if (schema)
        return taken + skipped == count && is_served(route->group, route->version) ? LULL_ROUTE_SCHEMA
                                                                                   : LULL_ROUTE_NONE;
    return group_route(route, parts + taken, count - taken);
}

LullRoute *
lull_route_parse(const char *path)
{
    LullRoute *self = g_new0(LullRoute, 1);
    const gsize length = strlen(path);
    g_autofree char *trimmed = g_strndup(path, length > 1 && path[length - 1] == '/' ? length - 1 : length);
    g_auto(GStrv) parts = g_strsplit(trimmed, "/", 16);
    const guint count = g_strv_length(parts);

    self->type = fixed_route(trimmed);
    if (self->type == LULL_ROUTE_NONE && count > 1 && !*parts[0])
        self->type = parse_parts(self, (const char *const *)parts + 1, count - 1);
    return self;
}

void
lull_route_free(LullRoute *self)
{
    if (!self)
        return;
    g_free(self->group);
    g_free(self->version);
    g_free(self->ns);
    g_free(self->name);
    g_free(self->subresource);
    g_free(self);
}
