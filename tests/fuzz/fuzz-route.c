/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What paths of requests mean. */
#include "coordinator/store/serve/route.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *path = g_strndup((const char *)data, size);
    g_autoptr(LullRoute) route = lull_route_parse(path);

    FUZZ_MUST(route);
    switch (route->type) {
    case LULL_ROUTE_OBJECT:
    case LULL_ROUTE_STATUS:
        FUZZ_MUST(route->kind && route->name && *route->name);
        break;
    case LULL_ROUTE_COLLECTION:
        FUZZ_MUST(route->kind && !route->name);
        break;
    case LULL_ROUTE_SUBRESOURCE:
        FUZZ_MUST(route->name && route->subresource);
        break;
    case LULL_ROUTE_RESOURCES:
    case LULL_ROUTE_SCHEMA:
        FUZZ_MUST(route->group && route->version);
        break;
    case LULL_ROUTE_GROUP:
        FUZZ_MUST(route->group);
        break;
    case LULL_ROUTE_NONE:
    case LULL_ROUTE_HEALTH:
    case LULL_ROUTE_VERSION:
    case LULL_ROUTE_LEGACY:
    case LULL_ROUTE_GROUPS:
    case LULL_ROUTE_OPENAPI:
        break;
    }
    return 0;
}
