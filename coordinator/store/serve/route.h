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
    LULL_ROUTE_LEGACY,    /* /api: the group without a name */
    LULL_ROUTE_GROUPS,    /* /apis */
    LULL_ROUTE_GROUP,     /* /apis/GROUP */
    LULL_ROUTE_RESOURCES, /* /apis/GROUP/VERSION, /api/v1 */
    LULL_ROUTE_OPENAPI,   /* /openapi/v3 */
    LULL_ROUTE_SCHEMA,    /* /openapi/v3/apis/GROUP/VERSION, /openapi/v3/api/v1 */
    LULL_ROUTE_COLLECTION,
    LULL_ROUTE_OBJECT,
    LULL_ROUTE_STATUS,
    LULL_ROUTE_SUBRESOURCE
} LullRouteType;

typedef struct {
    LullRouteType type;
    const LullKind *kind; /* COLLECTION, OBJECT, STATUS */
    char *group;          /* "": the one without a name */
    char *version;
    char *ns; /* NULL: a collection in all namespaces */
    char *name;
    char *subresource;
} LullRoute;

LullRoute *lull_route_parse(const char *path) G_GNUC_WARN_UNUSED_RESULT;
void lull_route_free(LullRoute *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullRoute, lull_route_free)

G_END_DECLS
