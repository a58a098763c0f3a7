/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/output.h"
#include "coordinator/cli/table.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define NOON LULL_SEC(1772360430) /* 2026-03-01T10:20:30Z */

START_TEST(columns_are_as_wide_as_their_widest_cell_shows)
{
    g_autoptr(LullTable) table = lull_table_new(2, "<none>");
    g_autofree char *text = NULL;

    lull_table_add(table, (const char *const[]){"NAME", "STATE"});
    lull_table_add(table, (const char *const[]){"\346\274\242\345\255\227\346\274\242", "wide"});
    lull_table_add(table, (const char *const[]){"e\314\201", ""});
    lull_table_add(table, (const char *const[]){"a\033[2Jb\nc", NULL});
    text = lull_table_format(table, "  ");
    ck_assert_str_eq(text, "  NAME       STATE\n"
                           "  \346\274\242\345\255\227\346\274\242     wide\n"
                           "  e\314\201          <none>\n"
                           "  a?[2Jb c   <none>\n");
}
END_TEST

START_TEST(objects_stand_in_the_columns_of_their_kind)
{
    g_autoptr(LullJson) items =
        json("[{'metadata':{'name':'s1','annotations':{'lull.dev/quiesce-report':"
             "'{\\u0022level\\u0022:\\u0022app\\u0022,\\u0022proof\\u0022:\\u0022held\\u0022,"
             "\\u0022witness\\u0022:\\u0022quiet\\u0022,\\u0022windowMs\\u0022:26}'}},"
             "'spec':{'source':{'kind':'VirtualMachine','name':'larry'}},"
             "'status':{'phase':'Succeeded','readyToUse':true,'creationTime':'2026-03-01T10:15:30Z'}},"
             "{'metadata':{'name':'s2'},'status':{'error':{'message':'no "
             "space'},'creationTime':'soon','phase':[]}}]");
    g_autoptr(LullTable) plain = lull_table_of_objects(&lull_kind_snapshot, items, FALSE, NOON);
    g_autoptr(LullTable) wide = lull_table_of_objects(&lull_kind_snapshot, items, TRUE, NOON);
    g_autofree char *text = lull_table_format(plain, "");
    g_autofree char *wide_text = lull_table_format(wide, "");

    ck_assert_str_eq(
        text, "NAME   SOURCEKIND       SOURCENAME   PHASE       READYTOUSE   CREATIONTIME   ERROR\n"
              "s1     VirtualMachine   larry        Succeeded   true         5m             <none>\n"
              "s2     <none>           <none>       <none>      <none>       <unknown>      no space\n");
    ck_assert_ptr_nonnull(strstr(wide_text, "LEVEL    PROOF    WITNESS   WINDOW\n"));
    ck_assert_ptr_nonnull(strstr(wide_text, "app      held     quiet     26.0 ms\n"));
}
END_TEST

START_TEST(a_column_can_show_one_condition_of_many)
{
    g_autoptr(LullJson) items = json(
        "[{'metadata':{'name':'web'},'status':{'printableStatus':'Running','incremental':true,'conditions':"
        "[{'type':'Ready','status':'True'},{'type':'AgentConnected','status':'True'}]}},"
        "{'metadata':{'name':'db'},'status':{'printableStatus':'Stopped','conditions':[{'type':'Agent'}]}},"
        "{'metadata':{'name':'odd'},'status':{'conditions':'AgentConnected'}}]");
    g_autoptr(LullTable) table = lull_table_of_objects(&lull_kind_vm, items, FALSE, NOON);
    g_autofree char *text = lull_table_format(table, "");

    ck_assert_str_eq(text, "NAME   STATUS    AGENT    SNAPSHOT   INCREMENTAL\n"
                           "web    Running   True     <none>     true\n"
                           "db     Stopped   <none>   <none>     <none>\n"
                           "odd    <none>    <none>   <none>     <none>\n");
}
END_TEST

START_TEST(objects_that_are_none_do_no_harm)
{
    g_autoptr(LullJson) items = json("[7,null,'x',[],{}]");

    for (int format = LULL_FORMAT_TABLE; format <= LULL_FORMAT_NAME; format++) {
        g_autofree char *text = lull_output_list((LullFormat)format, &lull_kind_restore, items);

        ck_assert_ptr_nonnull(text);
    }
}
END_TEST

START_TEST(item_of_a_list_says_its_kind_when_it_stands_alone)
{
    g_autoptr(LullJson) object = json("{'metadata':{'name':'s1'}}");
    g_autoptr(LullJson) items = json("[{'metadata':{'name':'s1'}}]");
    g_autofree char *yaml = lull_output_object(LULL_FORMAT_YAML, &lull_kind_snapshot, object);
    g_autofree char *name = lull_output_list(LULL_FORMAT_NAME, &lull_kind_snapshot, items);
    g_autofree char *list = lull_output_list(LULL_FORMAT_YAML, &lull_kind_snapshot, items);

    ck_assert_str_eq(yaml, "apiVersion: snapshot.kubevirt.io/v1beta1\nkind: VirtualMachineSnapshot\n"
                           "metadata:\n  name: s1\n");
    ck_assert_str_eq(name, "virtualmachinesnapshot.snapshot.kubevirt.io/s1\n");
    ck_assert(g_str_has_prefix(list, "apiVersion: v1\nkind: List\nitems:\n- apiVersion: snapshot"));
}
END_TEST

START_TEST(facts_are_lines_and_cannot_fake_one)
{
    g_autoptr(LullJson) facts = json("{'kind':'X','frozen':3,'why':'a\\nfrozen: "
                                     "4','list':[1,{'a':'\\u001b'}],'none':null,'disks':['/','/b\\n']}");
    g_autofree char *text = lull_output_facts(LULL_FORMAT_TABLE, facts);

    ck_assert_str_eq(text, "frozen: 3\nwhy: a frozen: 4\nlist: [1,{\"a\":\"\\u001b\"}]\n"
                           "disks: /, /b \n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, columns_are_as_wide_as_their_widest_cell_shows);
    tcase_add_test(tests, objects_stand_in_the_columns_of_their_kind);
    tcase_add_test(tests, a_column_can_show_one_condition_of_many);
    tcase_add_test(tests, objects_that_are_none_do_no_harm);
    tcase_add_test(tests, item_of_a_list_says_its_kind_when_it_stands_alone);
    tcase_add_test(tests, facts_are_lines_and_cannot_fake_one);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
