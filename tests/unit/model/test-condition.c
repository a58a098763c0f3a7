/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define T0 LULL_SEC(10)
#define T1 LULL_SEC(20)

static const char *
transition_of(LullJson *status, size_t index)
{
    return lull_json_string(json_object_array_get_idx(lull_json_array(status, "conditions"), index),
                            "lastTransitionTime", NULL);
}

START_TEST(a_condition_is_added_in_the_shape_of_the_reference)
{
    g_autoptr(LullJson) status = json("{}");
    g_autoptr(LullJson) expected =
        json("{'conditions':[{'type':'Ready','lastProbeTime':null,'status':'False',"
             "'reason':'Not ready','lastTransitionTime':'1970-01-01T00:00:10Z'}]}");

    ck_assert(lull_condition_set(status, "Ready", FALSE, "Not ready", T0));
    ck_assert(lull_json_equal(status, expected));
}
END_TEST

START_TEST(the_same_again_changes_nothing)
{
    g_autoptr(LullJson) status = json("{}");

    ck_assert(lull_condition_set(status, "Ready", FALSE, "Not ready", T0));
    ck_assert(!lull_condition_set(status, "Ready", FALSE, "Not ready", T1));
    ck_assert_str_eq(transition_of(status, 0), "1970-01-01T00:00:10Z");
}
END_TEST

START_TEST(another_reason_is_a_transition_of_its_own_entry)
{
    g_autoptr(LullJson) status = json("{}");

    ck_assert(lull_condition_set(status, "Progressing", TRUE, "on", T0));
    ck_assert(lull_condition_set(status, "Ready", FALSE, "Not ready", T0));
    ck_assert(lull_condition_set(status, "Progressing", TRUE, "still on", T1));
    ck_assert_uint_eq(json_object_array_length(lull_json_array(status, "conditions")), 2);
    ck_assert_str_eq(transition_of(status, 0), "1970-01-01T00:00:20Z");
    ck_assert_str_eq(transition_of(status, 1), "1970-01-01T00:00:10Z");
}
END_TEST

START_TEST(a_condition_is_read_from_the_object)
{
    g_autoptr(LullJson) object = json("{'status':{}}");

    ck_assert(!lull_condition_is(object, "Ready", FALSE));
    ck_assert_ptr_null(lull_condition_reason(object, "Ready"));
    ck_assert_ptr_null(lull_condition_changed(object, "Ready"));
    (void)lull_condition_set(lull_json_object(object, "status"), "Ready", TRUE, "Ready", T0);
    ck_assert(lull_condition_is(object, "Ready", TRUE));
    ck_assert(!lull_condition_is(object, "Ready", FALSE));
    ck_assert_str_eq(lull_condition_reason(object, "Ready"), "Ready");
    ck_assert_str_eq(lull_condition_changed(object, "Ready"),
                     transition_of(lull_json_object(object, "status"), 0));
}
END_TEST

START_TEST(rubbish_in_the_place_of_conditions_is_no_condition)
{
    g_autoptr(LullJson) object = json("{'status':{'conditions':[null,'Ready',{'type':7}]}}");
    g_autoptr(LullJson) status = json("{'conditions':'none'}");

    ck_assert(!lull_condition_is(object, "Ready", TRUE));
    ck_assert(lull_condition_set(status, "Ready", TRUE, "Ready", T0));
    ck_assert_uint_eq(json_object_array_length(lull_json_array(status, "conditions")), 1);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("condition");
    TCase *tcase = tcase_create("condition");

    tcase_add_test(tcase, a_condition_is_added_in_the_shape_of_the_reference);
    tcase_add_test(tcase, the_same_again_changes_nothing);
    tcase_add_test(tcase, another_reason_is_a_transition_of_its_own_entry);
    tcase_add_test(tcase, a_condition_is_read_from_the_object);
    tcase_add_test(tcase, rubbish_in_the_place_of_conditions_is_no_condition);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
