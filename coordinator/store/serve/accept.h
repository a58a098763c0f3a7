/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* In which form a client wants its answer, from its Accept header. Pure; the first form that is served wins.
 */
typedef enum {
    LULL_ACCEPT_NONE = 0,     /* none that is served: 406 */
    LULL_ACCEPT_JSON = 1,     /* as it is; also where nothing is said */
    LULL_ACCEPT_TABLE = 2,    /* meta.k8s.io/v1 Table */
    LULL_ACCEPT_METADATA = 4, /* meta.k8s.io/v1 PartialObjectMetadata[List] */
    LULL_ACCEPT_DISCOVERY = 8 /* apidiscovery.k8s.io/v2 APIGroupDiscoveryList */
} LullAccept;

#define LULL_ACCEPT_OBJECTS (LULL_ACCEPT_JSON | LULL_ACCEPT_TABLE | LULL_ACCEPT_METADATA)

#define LULL_CONTENT_TYPE_DISCOVERY "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

/* @header: NULL where there is none. @served: the forms to choose from. */
LullAccept lull_accept_parse(const char *header, guint served);

G_END_DECLS
