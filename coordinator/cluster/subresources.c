/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/subresources.h"

#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/names.h"

#define SERVED "/apis/" LULL_GROUP_SUBRESOURCES "/v1"

static gboolean
ask(LullKubeLink *link, const LullKubeRequest *request, GError **error)
{
    g_autoptr(LullJson) answer = lull_kube_link_request(link, request, NULL, error);

    return answer != NULL;
}

gboolean
lull_subresources_put(LullKubeLink *link, const char *path, LullJson *body, const LullKubeGuard *guard,
                      gint64 patience, GError **error)
{
    const LullKubeRequest request = {.method = "PUT",
                                     .path = path,
                                     .content_type = body ? "application/json" : NULL,
                                     .body = body,
                                     .repeatable = !body,
                                     .wordless = TRUE,
                                     .patience = patience,
                                     .guard = guard};

    return ask(link, &request, error);
}

gboolean
lull_subresources_served(LullKubeLink *link, gint64 patience, const char *remedy, GError **error)
{
    const LullKubeRequest request = {
        .method = "GET", .path = SERVED, .repeatable = TRUE, .wordless = TRUE, .patience = patience};
    g_autoptr(GError) problem = NULL;

    if (ask(link, &request, &problem))
        return TRUE;
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED, "this cluster does not serve " SERVED ": %s",
                    remedy);
    else
        g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}
