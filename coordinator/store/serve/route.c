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
        {"/healthz", LULL_ROUTE_HEALTH},  {"/livez", LULL_ROUTE_HEALTH}, {"/readyz", LULL_ROUTE_HEALTH},
        {"/version", LULL_ROUTE_VERSION}, {"/api", LULL_ROUTE_LEGACY},   {"/apis", LULL_ROUTE_GROUPS},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_str_equal(rows[i].path, path))
            return rows[i].type;
    return LULL_ROUTE_NONE;
}

static gboolean
is_served(const char *group, const char *version)
{
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (g_str_equal((*kind)->group, group) &&
            (g_str_equal((*kind)->version, version) || g_strcmp0((*kind)->other_version, version) == 0))
            return TRUE;
    return FALSE;
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
    route->kind = lull_kind_by_plural(route->group, rest[0]);
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

LullRoute *
lull_route_parse(const char *path)
{
    LullRoute *self = g_new0(LullRoute, 1);
    const gsize length = strlen(path);
    g_autofree char *trimmed = g_strndup(path, length > 1 && path[length - 1] == '/' ? length - 1 : length);
    g_auto(GStrv) parts = g_strsplit(trimmed, "/", 16);
    const guint count = g_strv_length(parts);
    const char *const *rest;
    guint left;

    self->type = fixed_route(trimmed);
    if (self->type != LULL_ROUTE_NONE || count < 4 || *parts[0] || !g_str_equal(parts[1], "apis"))
        return self;
    self->group = g_strdup(parts[2]);
    self->version = g_strdup(parts[3]);
    rest = (const char *const *)parts + 4;
    left = count - 4;
    if (left >= 2 && g_str_equal(rest[0], "namespaces")) {
        self->ns = g_strdup(rest[1]);
        if (!lull_name_is_valid(self->ns))
            return self;
        rest += 2;
        left -= 2;
    }
    self->type = g_str_equal(self->group, LULL_GROUP_SUBRESOURCES) ? subresource_route(self, rest, left)
                                                                   : resource_route(self, rest, left);
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
