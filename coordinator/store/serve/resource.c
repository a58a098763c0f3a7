/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/resource.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/status.h"
#include "protocol/error.h"
#include "protocol/names.h"

static void
answer(const LullExchange *exchange, guint code, LullJson *object, const GError *error)
{
    if (object)
        lull_exchange_send(exchange, code, lull_exchange_present(exchange, object));
    else
        lull_exchange_fail_error(exchange, error);
}

static void
handle_get(const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = lull_store_get(exchange->store, route->kind, route->ns, route->name, &error);

    answer(exchange, 200, object, error);
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
    g_autoptr(LullJson) list = NULL;
    g_autoptr(LullJson) document = NULL;
    LullJson *items;

    if (!lull_exchange_query_uint(exchange, "limit", 0, &options.limit))
        return;
    list = lull_store_list(exchange->store, route->kind, route->ns, &options, &error);
    if (!list) {
        lull_exchange_fail_query(exchange, error);
        return;
    }
    items = lull_json_array(list, "items");
    for (size_t i = 0; i < json_object_array_length(items); i++)
        (void)lull_exchange_present(exchange, json_object_array_get_idx(items, i));
    document = json_object_new_object();
    (void)lull_exchange_present(exchange, document);
    g_autofree char *kind = g_strconcat(route->kind->kind, "List", NULL);
    lull_json_set_string(document, "kind", kind);
    lull_json_take(document, "metadata", json_object_get(lull_json_object(list, "metadata")));
    lull_json_take(document, "items", json_object_get(items));
    lull_exchange_send(exchange, 200, document);
}

/* Where the body contradicts the path it is the request that is wrong, not the object. */
static gboolean
check_addressed(const LullExchange *exchange, LullJson *object)
{
    const LullRoute *route = exchange->route;
    const char *api_version = lull_json_string(object, "apiVersion", NULL);
    const char *kind = lull_json_string(object, "kind", NULL);
    const char *ns = lull_meta_namespace(object);
    g_autofree char *expected = g_strdup_printf("%s/%s", route->group, route->version);

    if (api_version && !g_str_equal(api_version, expected))
        lull_exchange_fail(exchange, 400, "BadRequest", "the body's apiVersion is %.80s, the path's is %s",
                           api_version, expected);
    else if (kind && !g_str_equal(kind, route->kind->kind))
        lull_exchange_fail(exchange, 400, "BadRequest", "the body's kind is %.80s, the path's is %s", kind,
                           route->kind->kind);
    else if (ns && g_strcmp0(ns, route->ns) != 0)
        lull_exchange_fail(exchange, 400, "BadRequest", "the body's namespace is %.80s, the path's is %s", ns,
                           route->ns);
    else
        return TRUE;
    return FALSE;
}

/* A trial run that changed something would be a lie. */
static gboolean
refuse_dry_run(const LullExchange *exchange, LullJson *options)
{
    if (!lull_exchange_query(exchange, "dryRun") && !lull_json_at(options, "dryRun", NULL))
        return FALSE;
    lull_exchange_fail(exchange, 400, "BadRequest", "dryRun: trial runs are not served here");
    return TRUE;
}

static void
handle_create(const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) causes = NULL;
    g_autoptr(LullJson) created = NULL;
    gboolean ok;
    g_autoptr(LullJson) object = lull_exchange_body(exchange, "application/json", FALSE, &ok);

    if (!ok || !check_addressed(exchange, object))
        return;
    if (g_strcmp0(route->ns, LULL_NAMESPACE) != 0) {
        lull_exchange_fail(exchange, 404, "NotFound", "namespaces \"%s\" not found: only \"%s\" exists here",
                           route->ns ? route->ns : "", LULL_NAMESPACE);
        return;
    }
    causes = lull_kind_check(route->kind, object, TRUE);
    if (causes) {
        lull_exchange_fail_causes(exchange, lull_meta_name(object), causes);
        return;
    }
    created = lull_store_create(exchange->store, route->kind, object, &error);
    answer(exchange, 201, created, error);
}

/* The two served versions have the same fields, so a patch needs no translation but for its apiVersion. */
static void
handle_patch(const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    const LullPatchTarget target = route->type == LULL_ROUTE_STATUS ? LULL_PATCH_STATUS : LULL_PATCH_OBJECT;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) patched = NULL;
    gboolean ok;
    g_autoptr(LullJson) patch = lull_exchange_body(exchange, "application/merge-patch+json", FALSE, &ok);

    if (!ok || !check_addressed(exchange, patch))
        return;
    patched = lull_store_patch(exchange->store, route->kind, route->ns, route->name, target, patch, &error);
    answer(exchange, 200, patched, error);
}

static LullJson *
deleted_status(const LullExchange *exchange, LullJson *object)
{
    LullJson *status = json_object_new_object();
    LullJson *details;

    lull_json_set_string(status, "kind", "Status");
    lull_json_set_string(status, "apiVersion", "v1");
    (void)lull_json_ensure(status, "metadata");
    lull_json_set_string(status, "status", "Success");
    details = lull_json_ensure(status, "details");
    lull_json_set_string(details, "name", exchange->route->name);
    lull_json_set_string(details, "group", exchange->route->kind->group);
    lull_json_set_string(details, "kind", exchange->route->kind->plural);
    lull_json_set_string(details, "uid", lull_meta_uid(object));
    return status;
}

static gboolean
check_version(const LullExchange *exchange, LullJson *options, LullJson *object)
{
    const char *wanted =
        lull_json_string(lull_json_object(options, "preconditions"), "resourceVersion", NULL);

    if (!wanted || g_strcmp0(wanted, lull_meta_version(object)) == 0)
        return TRUE;
    lull_exchange_fail(exchange, 409, "Conflict",
                       "%s.%s \"%s\" has been modified: it is at another resourceVersion",
                       exchange->route->kind->plural, exchange->route->kind->group, exchange->route->name);
    return FALSE;
}

/* The very object that was looked at is removed, so that what is answered is what was done. */
static void
handle_delete(const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = NULL;
    g_autoptr(LullJson) left = NULL;
    g_autoptr(LullJson) done = NULL;
    const char *uid;
    gboolean ok;
    g_autoptr(LullJson) options = lull_exchange_body(exchange, "application/json", TRUE, &ok);

    if (!ok || refuse_dry_run(exchange, options))
        return;
    object = lull_store_get(exchange->store, route->kind, route->ns, route->name, &error);
    uid = lull_json_string(lull_json_object(options, "preconditions"), "uid", NULL);
    if (!object || !check_version(exchange, options, object) ||
        !lull_store_remove(exchange->store, route->kind, route->ns, route->name,
                           uid ? uid : lull_meta_uid(object), &error)) {
        if (error)
            lull_exchange_fail_error(exchange, error);
        return;
    }
    left = lull_store_get(exchange->store, route->kind, route->ns, route->name, NULL);
    if (left && g_strcmp0(lull_meta_uid(left), lull_meta_uid(object)) == 0) {
        lull_exchange_send(exchange, 200, lull_exchange_present(exchange, left));
        return;
    }
    done = deleted_status(exchange, object);
    lull_exchange_send(exchange, 200, done);
}

typedef struct {
    LullRouteType type;
    const char *method;
    gboolean writes;
    void (*handle)(const LullExchange *exchange);
} Row;

static const Row rows[] = {
    {LULL_ROUTE_COLLECTION, "GET", FALSE, handle_list}, {LULL_ROUTE_COLLECTION, "POST", TRUE, handle_create},
    {LULL_ROUTE_OBJECT, "GET", FALSE, handle_get},      {LULL_ROUTE_OBJECT, "PATCH", TRUE, handle_patch},
    {LULL_ROUTE_OBJECT, "DELETE", TRUE, handle_delete}, {LULL_ROUTE_STATUS, "GET", FALSE, handle_get},
    {LULL_ROUTE_STATUS, "PATCH", TRUE, handle_patch},
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
        if (!rows[i].writes || !refuse_dry_run(exchange, NULL))
            rows[i].handle(exchange);
        return;
    }
    lull_exchange_fail(exchange, 405, "MethodNotAllowed", "%s is not served on %s%s", method,
                       route->kind->plural, route->kind->read_only ? ", a view of the host's machines" : "");
}
