/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/names.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define NOON LULL_SEC(1772360430) /* 2026-03-01T10:20:30Z */

START_TEST(generated_name_says_machine_and_time_and_is_valid)
{
    g_autofree char *name = lull_names_generate("larry", NOON);

    ck_assert_str_eq(name, "larry-20260301-102030");
    ck_assert(lull_name_is_valid(name));
}
END_TEST

START_TEST(generated_name_of_any_valid_machine_is_valid)
{
    for (guint length = 1; length <= 253; length++)
        for (int dotted = 0; dotted < 2; dotted++) {
            g_autofree char *vm = g_strnfill(length, 'a');
            g_autofree char *name = NULL;

            /* a dot or dash wherever the cut may fall */
            for (guint i = 1; dotted && i + 1 < length; i += 2)
                vm[i] = '-';
            name = lull_names_generate(vm, NOON);
            g_autofree char *last = lull_names_next(name, LULL_NAMES_NEXT_MAX);
            ck_assert_msg(lull_name_is_valid(name), "%s", name);
            ck_assert_msg(lull_name_is_valid(last), "%s", last);
        }
}
END_TEST

START_TEST(names_of_one_second_are_counted)
{
    g_autofree char *first = lull_names_next("larry-20260301-102030", 1);
    g_autofree char *second = lull_names_next("larry-20260301-102030", 2);

    ck_assert_str_eq(first, "larry-20260301-102030");
    ck_assert_str_eq(second, "larry-20260301-102030-2");
}
END_TEST

static void
splits(const char *text, const LullKind *kind, const char *name)
{
    const LullKind *found = &lull_kind_content;
    const char *found_name = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert(lull_names_split(text, &found, &found_name, &error));
    ck_assert_no_error(error);
    ck_assert_ptr_eq(found, kind);
    ck_assert_str_eq(found_name, name);
}

START_TEST(kind_may_stand_before_a_name_in_every_form_that_kubectl_prints)
{
    splits("snap-1", NULL, "snap-1");
    splits("snapshot/snap-1", &lull_kind_snapshot, "snap-1");
    splits("restore/r", &lull_kind_restore, "r");
    splits("vm/larry", &lull_kind_vm, "larry");
    splits("vmsnapshot/s", &lull_kind_snapshot, "s");
    splits("virtualmachinesnapshots/s", &lull_kind_snapshot, "s");
    splits("virtualmachinerestore.snapshot.kubevirt.io/r", &lull_kind_restore, "r");
}
END_TEST

START_TEST(unknown_kinds_and_bad_names_are_refused)
{
    const char *const bad[] = {"pod/x", "snapshot/", "/x", "snapshot/a/b",  "Upper", "snapshot.other.io/x",
                               "",      "a_b",       "-a", "snapshot/../x", "\n"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        const LullKind *kind = NULL;
        const char *name = NULL;
        g_autoptr(GError) error = NULL;

        ck_assert_msg(!lull_names_split(bad[i], &kind, &name, &error), "%s", bad[i]);
        ck_assert_error(error, LULL_ERROR_INVALID);
        ck_assert_ptr_null(name);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("names");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, generated_name_says_machine_and_time_and_is_valid);
    tcase_add_test(tests, generated_name_of_any_valid_machine_is_valid);
    tcase_add_test(tests, names_of_one_second_are_counted);
    tcase_add_test(tests, kind_may_stand_before_a_name_in_every_form_that_kubectl_prints);
    tcase_add_test(tests, unknown_kinds_and_bad_names_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
