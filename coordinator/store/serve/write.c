/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/write.h"

#include <string.h>

#include "coordinator/model/json-patch.h"
#include "coordinator/model/meta.h"
#include "coordinator/store/object.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define MERGE_PATCH "application/merge-patch+json"
#define JSON_PATCH  "application/json-patch+json"
#define APPLY_PATCH "application/apply-patch"
#define ATTEMPTS    5 /* at an object that others change meanwhile */

static void
answer(const LullExchange *exchange, guint code, LullJson *object, const GError *error)
{
    if (object)
        lull_exchange_send_object(exchange, code, object);
    else
        lull_exchange_fail_error(exchange, error);
}

/* Where the body contradicts the path it is the request that is wrong, not the object. */
static gboolean
check_addressed(const LullExchange *exchange, LullJson *object)
{
    const LullRoute *route = exchange->route;
    const char *api_version = lull_json_string(object, "apiVersion", NULL);
    const char *kind = lull_json_string(object, "kind", NULL);
    const char *ns = lull_meta_namespace(object);
    g_autofree char *expected = lull_group_version(route->group, route->version);

    if (api_version && !g_str_equal(api_version, expected))
        lull_exchange_fail(exchange, 400, "BadRequest", "the body's apiVersion is %.80s, the path's is %s",
                           api_version, expected);
    else if (kind && !g_str_equal(kind, route->kind->kind))
        lull_exchange_fail(exchange, 400, "BadRequest", "the body's kind is %.80s, the path's is %s", kind,
                           route->kind->kind);
    else if (ns && g_strcmp0(ns, route->ns) != 0)
        lull_exchange_fail(exchange, 400, "BadRequest",
                           "the namespace of the provided object does not match the namespace sent on the "
                           "request: %.80s, %s",
                           ns, route->ns);
    else
        return TRUE;
    return FALSE;
}

/* "dryRun" of the query or of the options in the body: All is the one that there is. */
static gboolean
parse_dry_run(const LullExchange *exchange, LullJson *options, gboolean *ret_dry)
{
    const char *word = lull_exchange_query(exchange, "dryRun");
    LullJson *list = lull_json_at(options, "dryRun", NULL);
    const size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    gboolean known = !list || count > 0 || json_object_is_type(list, json_type_array);

    known = known && (!word || g_str_equal(word, "All"));
    for (size_t i = 0; i < count && known; i++) {
        LullJson *entry = json_object_array_get_idx(list, i);
        known =
            json_object_is_type(entry, json_type_string) && g_str_equal(json_object_get_string(entry), "All");
    }
    *ret_dry = word || count > 0;
    if (!known)
        lull_exchange_fail(exchange, 422, "Invalid", "dryRun: Unsupported value: supported values: \"All\"");
    return known;
}

static gboolean
check_namespace(const LullExchange *exchange)
{
    const char *ns = exchange->route->ns;

    if (g_strcmp0(ns, LULL_NAMESPACE) == 0)
        return TRUE;
    lull_exchange_fail(exchange, 404, "NotFound", "namespaces \"%s\" not found: only \"%s\" exists here",
                       ns ? ns : "", LULL_NAMESPACE);
    return FALSE;
}

/* @before: what it replaces, or NULL. */
static gboolean
check_whole(const LullExchange *exchange, LullJson *object, LullJson *before)
{
    g_autoptr(LullJson) causes = lull_kind_check(exchange->route->kind, object, before, TRUE);

    if (causes)
        lull_exchange_fail_causes(exchange, lull_meta_name(object), causes);
    return !causes;
}

static gboolean
check_admitted(const LullExchange *exchange, LullJson *object)
{
    const LullAdmission *admission = exchange->admission;
    g_autoptr(LullJson) causes = admission ? admission->func(object, admission->user_data) : NULL;

    if (causes)
        lull_exchange_fail_causes(exchange, lull_meta_name(object), causes);
    return !causes;
}

static LullJson *
create(const LullExchange *exchange, LullJson *object, gboolean dry, GError **error)
{
    const LullKind *kind = exchange->route->kind;
    const char *name = lull_meta_name(object);
    g_autoptr(LullJson) present = NULL;

    if (!dry)
        return lull_store_create(exchange->store, kind, object, error);
    present = name ? lull_store_get(exchange->store, kind, exchange->route->ns, name, NULL) : NULL;
    if (present) {
        lull_object_exists(kind, name, error);
        return NULL;
    }
    return lull_object_created(kind, object, lull_clock_realtime(), error);
}

void
lull_write_create(const LullExchange *exchange)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) created = NULL;
    gboolean ok, dry;
    g_autoptr(LullJson) object = lull_exchange_json_body(exchange, FALSE, &ok);

    if (!ok || !parse_dry_run(exchange, NULL, &dry) || !check_addressed(exchange, object) ||
        !check_namespace(exchange) || !check_whole(exchange, object, NULL) ||
        !check_admitted(exchange, object))
        return;
    created = create(exchange, object, dry, &error);
    answer(exchange, 201, created, error);
}

/* What becomes of an object: from itself to itself changed. NULL: @error. */
typedef LullJson *(*Change)(LullJson *current, LullJson *request, GError **error);

static LullJson *
read_current(const LullExchange *exchange, GError **error)
{
    const LullRoute *route = exchange->route;

    return lull_store_get(exchange->store, route->kind, route->ns, route->name, error);
}

static LullJson *
store_patch(const LullExchange *exchange, LullJson *current, LullJson *patch, gboolean dry, GError **error)
{
    const LullRoute *route = exchange->route;
    const LullPatchTarget target = route->type == LULL_ROUTE_STATUS ? LULL_PATCH_STATUS : LULL_PATCH_OBJECT;

    if (dry)
        return lull_object_patched(route->kind, current, target, patch, error);
    return lull_store_patch(exchange->store, route->kind, route->ns, route->name, target, patch, error);
}

/* The object that the client sees is that of the path's version. */
static LullJson *
as_seen(const LullExchange *exchange, LullJson *current)
{
    LullJson *seen = lull_json_dup(current);
    g_autofree char *api_version = lull_group_version(exchange->route->group, exchange->route->version);

    lull_json_set_string(seen, "apiVersion", api_version);
    return seen;
}

/* One try. The version that was looked at is a precondition, unless the client has one of its own. */
static LullJson *
change_once(const LullExchange *exchange, Change change, LullJson *request, gboolean dry, GError **error)
{
    g_autoptr(LullJson) current = read_current(exchange, error);
    g_autoptr(LullJson) seen = current ? as_seen(exchange, current) : NULL;
    g_autoptr(LullJson) changed = current ? change(seen, request, error) : NULL;
    g_autoptr(LullJson) patch = NULL;

    if (!changed)
        return NULL;
    if (!json_object_is_type(changed, json_type_object)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "nothing is left of the object");
        return NULL;
    }
    patch = lull_json_diff(seen, changed);
    const char *version = lull_meta_version(changed);
    lull_json_set_string(lull_json_ensure(patch, "metadata"), "resourceVersion",
                         version ? version : lull_meta_version(current));
    return store_patch(exchange, current, patch, dry, error);
}

/* Others may change it meanwhile; where the client did not name a version, that is no fault of his. */
static void
change_object(const LullExchange *exchange, Change change, LullJson *request, gboolean dry, gboolean retry)
{
    g_autoptr(LullJson) changed = NULL;
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < ATTEMPTS && !changed; i++) {
        g_clear_error(&error);
        changed = change_once(exchange, change, request, dry, &error);
        if (!retry || !lull_error_is(error, LULL_ERROR_CONFLICT))
            break;
    }
    answer(exchange, 200, changed, error);
}

/* A replacement says all but what the server itself writes. */
static LullJson *
replace(LullJson *current, LullJson *request, GError **error)
{
    return lull_json_dup(request);
}

void
lull_write_update(const LullExchange *exchange)
{
    gboolean ok, dry;
    g_autoptr(LullJson) object = lull_exchange_json_body(exchange, FALSE, &ok);
    g_autoptr(LullJson) current = NULL;

    if (!ok || !parse_dry_run(exchange, NULL, &dry) || !check_addressed(exchange, object))
        return;
    if (g_strcmp0(lull_meta_name(object), exchange->route->name) != 0) {
        lull_exchange_fail(exchange, 400, "BadRequest",
                           "the name of the object (%.80s) does not match the name on the URL (%s)",
                           lull_meta_name(object) ? lull_meta_name(object) : "", exchange->route->name);
        return;
    }
    current = read_current(exchange, NULL);
    if (!check_whole(exchange, object, current))
        return;
    if (!lull_meta_version(object)) {
        g_autoptr(GError) error =
            g_error_new(LULL_ERROR, LULL_ERROR_INVALID,
                        "metadata.resourceVersion: Invalid value: 0: must be specified for an update");
        lull_exchange_fail_error(exchange, error);
        return;
    }
    change_object(exchange, replace, object, dry, FALSE);
}

/* The two served versions have the same fields, so a patch needs no translation but for its apiVersion. */
static void
merge_patch(const LullExchange *exchange, gboolean dry)
{
    g_autoptr(LullJson) patch = lull_exchange_body(exchange, FALSE);
    g_autoptr(LullJson) current = NULL;
    g_autoptr(LullJson) patched = NULL;
    g_autoptr(GError) error = NULL;

    if (!patch || !check_addressed(exchange, patch))
        return;
    if (dry)
        current = read_current(exchange, &error);
    if (!error)
        patched = store_patch(exchange, current, patch, dry, &error);
    answer(exchange, 200, patched, error);
}

static void
json_patch(const LullExchange *exchange, gboolean dry)
{
    g_autoptr(LullJson) patch = lull_exchange_body(exchange, TRUE);

    if (patch)
        change_object(exchange, lull_json_patch_apply, patch, dry, TRUE);
}

void
lull_write_patch(const LullExchange *exchange)
{
    const char *type = lull_exchange_content_type(exchange);
    gboolean dry;

    if (!parse_dry_run(exchange, NULL, &dry))
        return;
    if (g_str_equal(type, MERGE_PATCH))
        merge_patch(exchange, dry);
    else if (g_str_equal(type, JSON_PATCH))
        json_patch(exchange, dry);
    else if (g_str_has_prefix(type, APPLY_PATCH))
        lull_exchange_fail_type(exchange, JSON_PATCH ", " MERGE_PATCH
                                                     "; server-side apply is not served: use kubectl apply "
                                                     "without --server-side, or a merge patch");
    else
        lull_exchange_fail_type(exchange, JSON_PATCH ", " MERGE_PATCH);
}

/* Deletion */

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
check_version(const LullExchange *exchange, LullJson *options, LullJson *object, GError **error)
{
    const char *wanted =
        lull_json_string(lull_json_object(options, "preconditions"), "resourceVersion", NULL);

    if (!wanted || g_strcmp0(wanted, lull_meta_version(object)) == 0)
        return TRUE;
    lull_object_conflict(exchange->route->kind, object, error);
    return FALSE;
}

/* What is left of @object, NULL: nothing. */
static LullJson *
trial(LullJson *object)
{
    LullJson *left = lull_object_has_finalizers(object) ? lull_json_dup(object) : NULL;

    if (left)
        lull_object_mark_deleted(left, lull_clock_realtime());
    return left;
}

static LullJson *
left_of(const LullExchange *exchange, LullJson *object)
{
    g_autoptr(LullJson) left = read_current(exchange, NULL);
    const gboolean same = left && g_strcmp0(lull_meta_uid(left), lull_meta_uid(object)) == 0;

    return same ? g_steal_pointer(&left) : NULL;
}

/* The very object that was looked at is removed, so that what is answered is what was done. */
static gboolean
remove_object(const LullExchange *exchange, LullJson *options, LullJson *object, gboolean dry, GError **error)
{
    const LullRoute *route = exchange->route;
    const char *uid = lull_json_string(lull_json_object(options, "preconditions"), "uid", NULL);

    if (!check_version(exchange, options, object, error))
        return FALSE;
    if (dry)
        return lull_object_check_uid(route->kind, object, uid, error);
    return lull_store_remove(exchange->store, route->kind, route->ns, route->name,
                             uid ? uid : lull_meta_uid(object), error);
}

void
lull_write_delete(const LullExchange *exchange)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = NULL;
    g_autoptr(LullJson) left = NULL;
    g_autoptr(LullJson) done = NULL;
    gboolean ok, dry;
    g_autoptr(LullJson) options = lull_exchange_json_body(exchange, TRUE, &ok);

    if (!ok || !parse_dry_run(exchange, options, &dry))
        return;
    object = read_current(exchange, &error);
    if (!object || !remove_object(exchange, options, object, dry, &error)) {
        lull_exchange_fail_error(exchange, error);
        return;
    }
    left = dry ? trial(object) : left_of(exchange, object);
    if (left) {
        lull_exchange_send_object(exchange, 200, left);
        return;
    }
    done = deleted_status(exchange, object);
    lull_exchange_send(exchange, 200, done);
}
