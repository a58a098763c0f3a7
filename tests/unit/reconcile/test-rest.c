/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/rest.h"

#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* Of machine `u`, whatever has its name. */
static LullRest
rest_of(const char *vm)
{
    g_autoptr(LullJson) content = json("{'metadata':{'name':'c','namespace':'shop'},'spec':{'source':{"
                                       "'virtualMachine':{'metadata':{'name':'larry','uid':'u'}}}}}");
    g_autoptr(LullJson) object = vm ? json(vm) : NULL;

    return lull_rest_of(content, object);
}

#define VM(status) "{'metadata':{'name':'larry','uid':'u'},'status':{" status "}}"

static const struct {
    const char *vm;
    gboolean off, problem;
    LullVmEnd end;
} looks[] = {
    {VM("'nodeName':'node-a'"), FALSE, FALSE, LULL_VM_END_UNSEEN},
    {VM("'nodeName':''"), FALSE, FALSE, LULL_VM_END_UNSEEN}, /* it migrates, or starts */
    {VM("'end':'stopped','life':'l'"), TRUE, FALSE, LULL_VM_END_SHUTDOWN},
    {VM("'end':'crashed','life':'l'"), TRUE, FALSE, LULL_VM_END_CRASHED},
    {VM("'life':'l'"), TRUE, FALSE, LULL_VM_END_UNSEEN},
    {NULL, TRUE, FALSE, LULL_VM_END_UNSEEN}, /* gone, its volumes are not */
    {"{'metadata':{'name':'larry','uid':'another'},'status':{'end':'stopped','life':'l'}}", FALSE, TRUE,
     LULL_VM_END_SHUTDOWN},
};

START_TEST(test_a_machine_is_off_if_it_is_the_one_and_on_no_node)
{
    g_auto(LullRest) rest = rest_of(looks[_i].vm);

    ck_assert_int_eq(rest.off, looks[_i].off);
    ck_assert_int_eq(rest.off, rest.life != NULL);
    ck_assert_int_eq(rest.problem != NULL, looks[_i].problem);
    ck_assert_int_eq(rest.end, looks[_i].end);
}
END_TEST

/* Each of these after each other one. */
static const char *const moments[] = {
    VM("'end':'stopped','life':'u/3/'"),
    VM("'end':'stopped','life':'u/4/'"),
    VM("'life':'u/3/vmi-2'"),
    VM("'nodeName':'node-a'"),
    VM("'nodeName':''"),
    "{'metadata':{'name':'larry','uid':'another'},'status':{'end':'stopped','life':'u/3/'}}",
    NULL,
};

START_TEST(test_only_a_machine_that_was_off_all_the_time_is_as_it_was)
{
    for (gsize i = 0; i < G_N_ELEMENTS(moments); i++) {
        g_auto(LullRest) before = rest_of(moments[i]);

        for (gsize k = 0; before.off && k < G_N_ELEMENTS(moments); k++) {
            g_auto(LullRest) after = rest_of(moments[k]);

            ck_assert_int_eq(lull_rest_broken(before.life, &after) == NULL, i == k);
        }
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("rest");
    TCase *tcase = tcase_create("rest");

    tcase_add_loop_test(tcase, test_a_machine_is_off_if_it_is_the_one_and_on_no_node, 0, G_N_ELEMENTS(looks));
    tcase_add_test(tcase, test_only_a_machine_that_was_off_all_the_time_is_as_it_was);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
