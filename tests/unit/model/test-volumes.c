/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/volumes.h"

#include <string.h>

#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define V10 "vvvvvvvvvv"

static const struct {
    const char *vm;
    const char *name;
} names[] = {
    {"web", "persistent-state-for-web"},
    {V10 V10 V10 V10 "vv", "persistent-state-for-" V10 V10 V10 V10 "vv"},
    {V10 V10 V10 V10 "vvv", "persistent-e807c95a-" V10 V10 V10 V10 "vvv"},
    {V10 V10 V10 V10 V10 "vv", "p-e807c95a-" V10 V10 V10 V10 V10 "vv"},
    {V10 V10 V10 V10 V10 V10 "vvv", "persistent-state-for-dfdec401"},
};

START_TEST(the_volume_of_a_tpm_is_named_as_the_reference_does)
{
    g_autofree char *name = lull_volume_of_tpm(names[_i].vm);

    ck_assert_str_eq(name, names[_i].name);
    ck_assert_uint_le(strlen(name), 63);
}
END_TEST

START_TEST(what_a_tpm_holds_is_a_volume_with_data_after_those_of_the_spec)
{
    g_autoptr(LullJson) vm =
        json("{'metadata':{'name':'web'},'spec':{'template':{'spec':{'volumes':[{'name':'vda'}],"
             "'domain':{'devices':{'tpm':{'persistent':true}}}}}}}");
    g_autoptr(LullJson) volumes = lull_volumes_of(vm);
    LullJson *last = json_object_array_get_idx(volumes, 1);

    ck_assert(lull_volumes_have_tpm(vm));
    ck_assert_uint_eq(json_object_array_length(volumes), 2);
    ck_assert_str_eq(lull_json_string(last, "name", ""), "persistent-state-for-web");
    ck_assert(lull_volume_keeps_data(last));
}
END_TEST

static const char *const without[] = {
    "{}",
    "{'spec':{'template':{'spec':{'domain':{'devices':{}}}}}}",
    "{'spec':{'template':{'spec':{'domain':{'devices':{'tpm':{}}}}}}}",
    "{'spec':{'template':{'spec':{'domain':{'devices':{'tpm':{'persistent':false}}}}}}}",
    "{'spec':{'template':{'spec':{'domain':{'devices':{'tpm':[]}}}}}}",
};

START_TEST(a_tpm_that_keeps_nothing_is_no_volume)
{
    g_autoptr(LullJson) vm = json(without[_i]);
    g_autoptr(LullJson) volumes = lull_volumes_of(vm);

    ck_assert(!lull_volumes_have_tpm(vm));
    ck_assert_uint_eq(json_object_array_length(volumes), 0);
}
END_TEST

START_TEST(a_machine_that_is_not_there_has_none)
{
    g_autoptr(LullJson) volumes = lull_volumes_of(NULL);

    ck_assert_uint_eq(json_object_array_length(volumes), 0);
}
END_TEST

START_TEST(only_the_first_attempt_has_the_names_that_the_content_tells)
{
    static const char *const expected[] = {"vs", "vs", "vs.2", "vs.3"};

    for (guint attempt = 0; attempt < G_N_ELEMENTS(expected); attempt++) {
        g_autofree char *name = lull_volume_snapshot_name("vs", attempt);

        ck_assert_str_eq(name, expected[attempt]);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("model/volumes");
    TCase *tests = tcase_create("all");

    tcase_add_loop_test(tests, the_volume_of_a_tpm_is_named_as_the_reference_does, 0, G_N_ELEMENTS(names));
    tcase_add_test(tests, what_a_tpm_holds_is_a_volume_with_data_after_those_of_the_spec);
    tcase_add_loop_test(tests, a_tpm_that_keeps_nothing_is_no_volume, 0, G_N_ELEMENTS(without));
    tcase_add_test(tests, a_machine_that_is_not_there_has_none);
    tcase_add_test(tests, only_the_first_attempt_has_the_names_that_the_content_tells);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
