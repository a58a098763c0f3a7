/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/resource.h"

#include "coordinator/model/meta.h"
#include "coordinator/store/serve/write.h"
#include "protocol/error.h"

static void
handle_get(const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    g_autoptr(GError) error = NULL;
    const LullPresent form = lull_exchange_form(exchange);
    const gboolean as_stored = lull_present_is_stored(&form);
    g_autoptr(LullJson) object = (as_stored ? lull_store_get_raw : lull_store_get)(
        exchange->store, route->kind, route->ns, route->name, &error);

    if (!object)
        lull_exchange_fail_error(exchange, error);
    else if (as_stored)
        lull_exchange_send(exchange, 200, object);
    else
        lull_exchange_send_object(exchange, 200, object);
}

/* Only the newest state is kept. */
static gboolean
check_match(const LullExchange *exchange, LullJson *list)
{
    const char *match = lull_exchange_query(exchange, "resourceVersionMatch");
    const char *wanted = lull_exchange_query(exchange, "resourceVersion");

    if (g_strcmp0(match, "Exact") != 0 || g_strcmp0(wanted, lull_meta_version(list)) == 0)
        return TRUE;
    lull_exchange_fail(exchange, 410, "Expired", "resourceVersion: %.40s is not kept: list without it",
                       wanted ? wanted : "none");
    return FALSE;
}

static void
handle_list(const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    LullListOptions options = {
        .label_selector = lull_exchange_query(exchange, "labelSelector"),
        .field_selector = lull_exchange_query(exchange, "fieldSelector"),
        .continue_token = lull_exchange_query(exchange, "continue"),
    };
    g_autoptr(GError) error = NULL;
    const LullPresent form = lull_exchange_form(exchange);
    g_autoptr(LullJson) list = NULL;
    g_autoptr(LullJson) shown = NULL;

    if (!lull_exchange_query_uint(exchange, "limit", 0, &options.limit))
        return;
    options.raw = lull_present_is_stored(&form);
    list = lull_store_list(exchange->store, route->kind, route->ns, &options, &error);
    if (!list) {
        lull_exchange_fail_query(exchange, error);
        return;
    }
    if (!check_match(exchange, list))
        return;
    shown = lull_present_list(&form, list);
    lull_exchange_send(exchange, 200, shown);
}

typedef struct {
    LullRouteType type;
    const char *method;
    gboolean writes;
    void (*handle)(const LullExchange *exchange);
} Row;

static const Row rows[] = {
    {LULL_ROUTE_COLLECTION, "GET", FALSE, handle_list},
    {LULL_ROUTE_COLLECTION, "POST", TRUE, lull_write_create},
    {LULL_ROUTE_OBJECT, "GET", FALSE, handle_get},
    {LULL_ROUTE_OBJECT, "PUT", TRUE, lull_write_update},
    {LULL_ROUTE_OBJECT, "PATCH", TRUE, lull_write_patch},
    {LULL_ROUTE_OBJECT, "DELETE", TRUE, lull_write_delete},
    {LULL_ROUTE_STATUS, "GET", FALSE, handle_get},
    {LULL_ROUTE_STATUS, "PUT", TRUE, lull_write_update},
    {LULL_ROUTE_STATUS, "PATCH", TRUE, lull_write_patch},
};

void
lull_resource_handle(const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    const char *method = soup_server_message_get_method(exchange->message);

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].type != route->type || !g_str_equal(rows[i].method, method))
            continue;
        if (rows[i].writes && route->kind->read_only)
            break;
        rows[i].handle(exchange);
        return;
    }
    lull_exchange_fail(exchange, 405, "MethodNotAllowed",
                       "the server does not allow this method on the requested resource: %s of %s%s", method,
                       route->kind->plural, route->kind->read_only ? ", which can only be looked at" : "");
}
