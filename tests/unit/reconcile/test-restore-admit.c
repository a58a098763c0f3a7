/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-admit.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static LullJson *
restore_json(const char *name, const char *metadata, const char *vm, const char *status)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'%s'%s},'spec':{'target':{'name':'%s'}},'status':%s}", name,
                        metadata, vm, status);

    return json(text);
}

/* What stands against a restore "second" of web where there is another; NULL: nothing. */
static char *
against(const char *name, const char *metadata, const char *vm, const char *status)
{
    g_autoptr(LullJson) list = json_object_new_array();
    g_autoptr(LullJson) second = restore_json("second", "", "web", "{}");
    g_autoptr(LullJson) causes = NULL;
    LullJson *cause;

    json_object_array_add(list, restore_json(name, metadata, vm, status));
    causes = lull_restore_admit(list, second);
    if (!causes)
        return NULL;
    cause = json_object_array_get_idx(causes, 0);
    ck_assert_str_eq(lull_json_string(cause, "reason", ""), "FieldValueInvalid");
    ck_assert_str_eq(lull_json_string(cause, "field", ""), "spec.target");
    return g_strdup(lull_json_string(cause, "message", ""));
}

START_TEST(a_second_restore_of_a_machine_is_refused_while_the_first_goes_on)
{
    static const char *const going[] = {
        "{}",
        "{'complete':false}",
        "{'complete':false,'conditions':[{'type':'Progressing','status':'False','reason':'Waiting'}]}",
        "{'complete':false,'conditions':[{'type':'Failure','status':'False','reason':''}]}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(going); i++) {
        g_autofree char *why = against("first", "", "web", going[i]);

        ck_assert_msg(why != NULL, "%s", going[i]);
        ck_assert_msg(g_str_has_prefix(why, "VirtualMachineRestore \"first\" in progress"), "%s", why);
    }
}
END_TEST

START_TEST(one_that_came_to_its_end_stands_in_nobodys_way)
{
    ck_assert(!against("first", "", "web", "{'complete':true}"));
    ck_assert(!against("first", "", "web",
                       "{'complete':false,'conditions':[{'type':'Failure','status':'True','reason':'x'}]}"));
    ck_assert(!against("first", ",'deletionTimestamp':'2026-03-01T10:20:30Z'", "web", "{'complete':false}"));
}
END_TEST

START_TEST(neither_does_one_of_another_machine_nor_the_same_one)
{
    g_autoptr(LullJson) second = restore_json("second", "", "web", "{}");

    ck_assert(!against("first", "", "mail", "{}"));
    ck_assert(!against("second", "", "web", "{}"));
    ck_assert(!lull_restore_admit(NULL, second));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-admit");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, a_second_restore_of_a_machine_is_refused_while_the_first_goes_on);
    tcase_add_test(tests, one_that_came_to_its_end_stands_in_nobodys_way);
    tcase_add_test(tests, neither_does_one_of_another_machine_nor_the_same_one);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
