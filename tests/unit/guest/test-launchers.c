/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/host.h"

#include <glib/gstdio.h>
#include <string.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define POD_A "11111111-aaaa-4000-8000-000000000001"
#define POD_B "22222222-bbbb-4000-8000-000000000002"

/* What the machine shop/larry, with the uid vm-1, runs as. */
#define INSTANCE(uid, pod)                                                                             \
    "{'metadata':{'name':'larry','namespace':'shop','uid':'" uid "','ownerReferences':[{'apiVersion':" \
    "'kubevirt.io/v1','kind':'VirtualMachine','name':'larry','uid':'vm-1','controller':true}]},"       \
    "'spec':{'domain':{'firmware':{'uuid':'5D307CA9-B3EF-428C-8861-06E72D69F223'}}},"                  \
    "'status':{'phase':'Running','nodeName':'node-a','activePods':{'" pod "':'node-a'}}}"

static char *pods; /* of a kubelet, that has none */
static LullHost *host;

static void
set_up(void)
{
    pods = g_dir_make_tmp("lull-launchers-XXXXXX", NULL);
    host = lull_host_open_node("node-a", pods, NULL);
    ck_assert_ptr_nonnull(host);
}

static void
tear_down(void)
{
    g_clear_pointer(&host, lull_host_free);
    g_rmdir(pods);
    g_clear_pointer(&pods, g_free);
}

static void
hear(const char *text)
{
    g_autoptr(LullJson) instance = json(text);

    lull_host_hear_instance(LULL_WATCH_ADDED, instance, host);
}

static void
hear_all(const char *text)
{
    g_autoptr(LullJson) instances = json(text);

    lull_host_hear_instances(host, instances);
}

/* Where it is looked for; nothing is there. */
static void
must_be_looked_for(const char *pod)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_host_find_vm(host, "vm-1", &error));
    ck_assert_msg(strstr(error->message, pod) != NULL, "%s", error->message);
}

static void
must_be_unknown(void)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_host_find_vm(host, "vm-1", &error));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_NOT_FOUND), "%s", error->message);
    ck_assert_msg(strstr(error->message, "knows none that runs here") != NULL, "%s", error->message);
}

START_TEST(one_is_looked_for_in_the_pod_that_was_told)
{
    must_be_unknown();
    hear(INSTANCE("vmi-1", POD_A));
    must_be_looked_for(POD_A);
}
END_TEST

START_TEST(what_went_unheard_is_forgotten_when_all_is_told)
{
    hear(INSTANCE("vmi-1", POD_A));
    hear_all("[" INSTANCE("vmi-2", POD_B) "]");
    must_be_looked_for(POD_B);
    hear_all("[]");
    must_be_unknown();
}
END_TEST

START_TEST(what_cannot_be_understood_is_in_nobodys_way)
{
    hear_all("[7,{},{'metadata':{'uid':'x'}}," INSTANCE("vmi-2", POD_B) "]");
    must_be_looked_for(POD_B);
    lull_host_hear_instances(host, NULL);
    must_be_unknown();
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/launchers");
    TCase *cases = tcase_create("launchers");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, one_is_looked_for_in_the_pod_that_was_told);
    tcase_add_test(cases, what_went_unheard_is_forgotten_when_all_is_told);
    tcase_add_test(cases, what_cannot_be_understood_is_in_nobodys_way);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
