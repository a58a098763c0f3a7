/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-volumes.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define OWNED "'ownerReferences':[{'kind':'DataVolume','name':'disk','controller':true}]"

/* S13 of the reference, and its words. */
static const struct {
    const char *claim, *data_volume; /* NULL: not there */
    const char *problem;             /* NULL: none */
} claims[] = {
    {NULL, NULL, "source shop/larry volume doesnt exist: disk"},
    {"{'metadata':{'deletionTimestamp':'2026-01-01T00:00:00Z'},'status':{'phase':'Bound'}}", NULL,
     "source shop/larry volume is being deleted: disk"},
    {"{'metadata':{},'status':{'phase':'Pending'}}", NULL, "source shop/larry volume not bound: disk"},
    {"{'metadata':{}}", NULL, "source shop/larry volume not bound: disk"},
    {"{'metadata':{},'status':{'phase':'Bound'}}", NULL, NULL},
    {"{'metadata':{" OWNED "},'status':{'phase':'Bound'}}", "{'status':{'phase':'ImportInProgress'}}",
     "source shop/larry volume not populated: disk"},
    {"{'metadata':{" OWNED "},'status':{'phase':'Bound'}}", NULL,
     "source shop/larry volume not populated: disk"},
    {"{'metadata':{" OWNED "},'status':{'phase':'Bound'}}", "{'status':{'phase':'Succeeded'}}", NULL},
};

START_TEST(test_a_claim_that_is_not_ready_says_why)
{
    g_autoptr(LullJson) vm = json("{'metadata':{'name':'larry','namespace':'shop'}}");
    g_autoptr(LullJson) claim = claims[_i].claim ? json(claims[_i].claim) : NULL;
    g_autoptr(LullJson) data_volume = claims[_i].data_volume ? json(claims[_i].data_volume) : NULL;
    g_autofree char *problem = lull_machine_claim_problem(vm, "disk", claim, data_volume);

    ck_assert_pstr_eq(problem, claims[_i].problem);
}
END_TEST

#define POD(phase, claim)                                                               \
    "{'spec':{'volumes':[{'emptyDir':{}},{'persistentVolumeClaim':{'claimName':'" claim \
    "'}}]},'status':{'phase':'" phase "'}}"

/* S14 of the reference; always in the same order. */
static const struct {
    const char *pods, *problem;
} users[] = {
    {"[]", NULL},
    {"[" POD("Running", "other") "]", NULL},
    {"[" POD("Succeeded", "b") "]", NULL},
    {"[" POD("Running", "b") "]", "source is offline but 1 pods using PVCs [b]"},
    {"[" POD("Running", "b") "," POD("Pending", "a") "," POD("Failed", "b") "]",
     "source is offline but 3 pods using PVCs [a b]"},
};

START_TEST(test_pods_that_use_the_disks_of_a_machine_that_is_off_are_told)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(LullJson) pods = json(users[_i].pods);
    g_autofree char *problem = NULL;

    g_ptr_array_add(names, (gpointer) "b");
    g_ptr_array_add(names, (gpointer) "a");
    problem = lull_machine_pods_problem(pods, names);
    ck_assert_pstr_eq(problem, users[_i].problem);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("machine-volumes");
    TCase *tcase = tcase_create("machine-volumes");

    tcase_add_loop_test(tcase, test_a_claim_that_is_not_ready_says_why, 0, G_N_ELEMENTS(claims));
    tcase_add_loop_test(tcase, test_pods_that_use_the_disks_of_a_machine_that_is_off_are_told, 0,
                        G_N_ELEMENTS(users));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
