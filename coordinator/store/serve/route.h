/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"

G_BEGIN_DECLS

/* What a path means. Pure; any path gives a route. */
typedef enum {
    LULL_ROUTE_NONE = 0, /* nothing is there */
    LULL_ROUTE_HEALTH,
    LULL_ROUTE_VERSION,
    LULL_ROUTE_LEGACY,    /* /api: the group without a name, which is empty here */
    LULL_ROUTE_GROUPS,    /* /apis */
    LULL_ROUTE_RESOURCES, /* /apis/GROUP/VERSION */
    LULL_ROUTE_COLLECTION,
    LULL_ROUTE_OBJECT,
    LULL_ROUTE_STATUS,
    LULL_ROUTE_SUBRESOURCE
} LullRouteType;

typedef struct {
    LullRouteType type;
    const LullKind *kind; /* COLLECTION, OBJECT, STATUS */
    char *group;
    char *version;
    char *ns; /* NULL: a collection in all namespaces */
    char *name;
    char *subresource;
} LullRoute;

LullRoute *lull_route_parse(const char *path) G_GNUC_WARN_UNUSED_RESULT;
void lull_route_free(LullRoute *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullRoute, lull_route_free)

G_END_DECLS
