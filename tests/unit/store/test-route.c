/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/route.h"
#include "tests/lib/check-main.h"

#define BETA "/apis/snapshot.kubevirt.io/v1beta1"

static const struct {
    const char *path;
    LullRouteType type;
    const char *ns, *name;
} rows[] = {
    {"/healthz", LULL_ROUTE_HEALTH, NULL, NULL},
    {"/readyz", LULL_ROUTE_HEALTH, NULL, NULL},
    {"/version", LULL_ROUTE_VERSION, NULL, NULL},
    {"/api", LULL_ROUTE_LEGACY, NULL, NULL},
    {"/apis", LULL_ROUTE_GROUPS, NULL, NULL},
    {"/apis/", LULL_ROUTE_GROUPS, NULL, NULL},
    {BETA, LULL_ROUTE_RESOURCES, NULL, NULL},
    {"/apis/kubevirt.io/v1", LULL_ROUTE_RESOURCES, NULL, NULL},
    {"/apis/kubevirt.io", LULL_ROUTE_GROUP, NULL, NULL},
    {"/api/v1", LULL_ROUTE_RESOURCES, NULL, NULL},
    {"/api/v1/events", LULL_ROUTE_COLLECTION, NULL, NULL},
    {"/api/v1/namespaces/default/events", LULL_ROUTE_COLLECTION, "default", NULL},
    {"/openapi/v3", LULL_ROUTE_OPENAPI, NULL, NULL},
    {"/openapi/v3/api/v1", LULL_ROUTE_SCHEMA, NULL, NULL},
    {"/openapi/v3/apis/snapshot.kubevirt.io/v1alpha1", LULL_ROUTE_SCHEMA, NULL, NULL},
    {BETA "/virtualmachinesnapshots", LULL_ROUTE_COLLECTION, NULL, NULL},
    {BETA "/namespaces/default/virtualmachinesnapshots", LULL_ROUTE_COLLECTION, "default", NULL},
    {BETA "/namespaces/default/virtualmachinesnapshots/", LULL_ROUTE_COLLECTION, "default", NULL},
    {BETA "/namespaces/default/virtualmachinesnapshots/a.b", LULL_ROUTE_OBJECT, "default", "a.b"},
    {BETA "/namespaces/default/virtualmachinesnapshots/a/status", LULL_ROUTE_STATUS, "default", "a"},
    {BETA "/namespaces/default/virtualmachinesnapshots/a/verify", LULL_ROUTE_SUBRESOURCE, "default", "a"},
    {"/apis/snapshot.kubevirt.io/v1alpha1/namespaces/x/virtualmachinerestores/a", LULL_ROUTE_OBJECT, "x",
     "a"},
    {"/apis/kubevirt.io/v1/namespaces/default/virtualmachines/a", LULL_ROUTE_OBJECT, "default", "a"},
    {"/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/a/freeze",
     LULL_ROUTE_SUBRESOURCE, "default", "a"},
};

START_TEST(a_path_that_is_served_has_its_route)
{
    g_autoptr(LullRoute) route = lull_route_parse(rows[_i].path);

    ck_assert_msg(route->type == rows[_i].type, "%s is %d", rows[_i].path, route->type);
    ck_assert_pstr_eq(route->ns, rows[_i].ns);
    ck_assert_pstr_eq(route->name, rows[_i].name);
    ck_assert_int_eq(route->kind != NULL, rows[_i].type == LULL_ROUTE_COLLECTION ||
                                              rows[_i].type == LULL_ROUTE_OBJECT ||
                                              rows[_i].type == LULL_ROUTE_STATUS);
}
END_TEST

static const char *const nowhere[] = {
    BETA "/namespaces/default/virtualmachinerestores/a/verify",
    "",
    "/",
    "//",
    "apis",
    "x/apis/kubevirt.io/v1",
    "/healthz/x",
    "/apis/other.org",
    "/apis//v1",
    "/api/v2",
    "/api/v1/pods",
    "/openapi/v2",
    "/openapi/v3/apis/snapshot.kubevirt.io",
    "/openapi/v3/apis/snapshot.kubevirt.io/v1beta1/x",
    "/apis/snapshot.kubevirt.io/v2",
    "/apis/kubevirt.io/v1beta1",
    BETA "/pods",
    BETA "/namespaces",
    BETA "/namespaces/default",
    BETA "/namespaces//virtualmachinesnapshots",
    BETA "/namespaces/Default/virtualmachinesnapshots",
    BETA "/virtualmachinesnapshots/a",
    BETA "/namespaces/default/virtualmachinesnapshots/A",
    BETA "/namespaces/default/virtualmachinesnapshots/../x",
    BETA "/namespaces/default/virtualmachinesnapshots/a/spec",
    BETA "/namespaces/default/virtualmachinesnapshots/a/status/x",
    BETA "/namespaces/default/virtualmachines/a",
    "/apis/subresources.kubevirt.io/v1",
    "/apis/subresources.kubevirt.io/v2/namespaces/default/virtualmachineinstances/a/freeze",
    "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/a",
    "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/a/b/c",
    "/apis/subresources.kubevirt.io/v1/namespaces/default/pods/a/freeze",
    "/apis/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t",
};

START_TEST(any_other_path_leads_nowhere)
{
    g_autoptr(LullRoute) route = lull_route_parse(nowhere[_i]);

    ck_assert_msg(route->type == LULL_ROUTE_NONE, "%s is %d", nowhere[_i], route->type);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("route");
    TCase *tcase = tcase_create("route");

    tcase_add_loop_test(tcase, a_path_that_is_served_has_its_route, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tcase, any_other_path_leads_nowhere, 0, G_N_ELEMENTS(nowhere));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
