/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/selector.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static const struct {
    const char *labels, *fields;
    gboolean matches;
} rows[] = {
    {NULL, NULL, TRUE},
    {"", "", TRUE},
    {"vm=larry", NULL, TRUE},
    {"vm==larry", NULL, TRUE},
    {" vm = larry , tier = gold ", NULL, TRUE},
    {"vm=moe", NULL, FALSE},
    {"vm!=larry", NULL, FALSE},
    {"vm!=moe", NULL, TRUE},
    {"none!=x", NULL, TRUE},
    {"none=x", NULL, FALSE},
    {"vm", NULL, TRUE},
    {"none", NULL, FALSE},
    {"!vm", NULL, FALSE},
    {"!none", NULL, TRUE},
    {"empty=", NULL, TRUE},
    {"a.org/key=1", NULL, TRUE},
    {"vm=larry,tier=silver", NULL, FALSE},
    {"vm in (moe, larry)", NULL, TRUE},
    {"vm in (moe)", NULL, FALSE},
    {"vm notin (moe,curly)", NULL, TRUE},
    {"vm notin (larry)", NULL, FALSE},
    {"none notin (x)", NULL, TRUE},
    {"none in (x)", NULL, FALSE},
    {"tier in (gold,silver),vm!=moe , a.org/key in(1)", NULL, TRUE},
    {"tier in (gold),vm in (moe)", NULL, FALSE},
    {NULL, "metadata.name=snap", TRUE},
    {NULL, "metadata.name==snap", TRUE},
    {NULL, "metadata.name!=snap", FALSE},
    {NULL, "metadata.name=other", FALSE},
    {NULL, "metadata.namespace=default", TRUE},
    {"vm=larry", "metadata.name=other", FALSE},
    {NULL, "spec.source.name=larry", TRUE},
    {NULL, "spec.source.name!=larry", FALSE},
    {NULL, "spec.source.name=moe", FALSE},
};

START_TEST(terms_choose_objects)
{
    g_autoptr(LullJson) object = snapshot_json(
        "snap", ",'namespace':'default','labels':{'vm':'larry','tier':'gold','empty':'','a.org/key':'1'}");
    g_autoptr(GError) error = NULL;
    g_autoptr(LullSelector) selector =
        lull_selector_new(&lull_kind_snapshot, rows[_i].labels, rows[_i].fields, &error);

    ck_assert_no_error(error);
    ck_assert_msg(lull_selector_matches(selector, object) == rows[_i].matches, "%s %s",
                  rows[_i].labels ? rows[_i].labels : "", rows[_i].fields ? rows[_i].fields : "");
}
END_TEST

static const struct {
    const char *fields;
    gboolean matches;
} of_events[] = {
    {"involvedObject.uid=u-1", TRUE},
    {"involvedObject.name=snap,involvedObject.kind=VirtualMachineSnapshot,involvedObject.uid=u-1", TRUE},
    {"involvedObject.name=snap,involvedObject.kind=VirtualMachine", FALSE},
    {"reason=Operation failed", TRUE},
    {"type!=Normal", TRUE},
    {"type=Normal", FALSE},
    {"source=lull-coordinator", TRUE},
    {"involvedObject.fieldPath=", TRUE},
    {"involvedObject.fieldPath!=", FALSE},
    {"metadata.name=e-1", TRUE},
};

START_TEST(events_are_chosen_by_what_they_are_about)
{
    g_autoptr(LullJson) event = json(
        "{'metadata':{'name':'e-1'},'involvedObject':{'kind':'VirtualMachineSnapshot','name':'snap','uid':"
        "'u-1'},'type':'Warning','reason':'Operation failed','source':{'component':'lull-coordinator'}}");
    g_autoptr(GError) error = NULL;
    g_autoptr(LullSelector) selector =
        lull_selector_new(&lull_kind_event, NULL, of_events[_i].fields, &error);

    ck_assert_no_error(error);
    ck_assert_msg(lull_selector_matches(selector, event) == of_events[_i].matches, "%s",
                  of_events[_i].fields);
}
END_TEST

static const struct {
    const char *labels, *fields;
} wrong[] = {
    {"vm in (larry", NULL},
    {"vm at (larry)", NULL},
    {"in (x)", NULL},
    {"vm in (a)b", NULL},
    {"vm in (a b)", NULL},
    {"a,", NULL},
    {"=x", NULL},
    {"!", NULL},
    {"a b=c", NULL},
    {"a=b c", NULL},
    {"a,,b", NULL},
    {"a=b=c", NULL},
    {NULL, "status.phase=Failed"},
    {NULL, "metadata.name"},
    {NULL, "metadata=x"},
    {NULL, "metadata.name=a,"},
    {NULL, "reason=x"},
    {NULL, "spec.target.name=larry"},
};

START_TEST(what_is_not_understood_is_refused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullSelector) selector =
        lull_selector_new(&lull_kind_snapshot, wrong[_i].labels, wrong[_i].fields, &error);

    ck_assert_msg(selector == NULL, "%s %s was taken", wrong[_i].labels ? wrong[_i].labels : "",
                  wrong[_i].fields ? wrong[_i].fields : "");
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("selector");
    TCase *tcase = tcase_create("selector");

    tcase_add_loop_test(tcase, terms_choose_objects, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tcase, events_are_chosen_by_what_they_are_about, 0, G_N_ELEMENTS(of_events));
    tcase_add_loop_test(tcase, what_is_not_understood_is_refused, 0, G_N_ELEMENTS(wrong));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
