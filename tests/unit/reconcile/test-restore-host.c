/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What a restore to a new machine of a plain host is refused for. */

#include <string.h>

#include "coordinator/reconcile/restore-host-new.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static LullJson *
restore_to(const char *name, const char *more)
{
    g_autofree char *spec = g_strdup_printf(
        "{'metadata':{'name':'back','uid':'r1'},'spec':{'target':{'kind':'VirtualMachine'}%s}}", more);
    LullJson *object = json(spec);

    lull_json_set_string(lull_json_object(lull_json_object(object, "spec"), "target"), "name", name);
    return object;
}

static char *
refusal(const char *name, const char *more)
{
    g_autoptr(LullJson) restore = restore_to(name, more);
    g_autoptr(LullJson) content = json("{'spec':{'volumeBackups':[{'volumeName':'vda'}]}}");

    return lull_restore_host_refuse_new(restore, content);
}

static const char *const names[] = {"../x", "..", "a/b", "A", "New VM", "a\nb", "", "-a"};

START_TEST(a_name_that_the_api_has_not_makes_no_machine)
{
    g_autofree char *reason = refusal(names[_i], ",'volumeRestorePolicy':'RandomizeNames'");

    ck_assert_msg(reason && g_str_has_prefix(reason, "spec.target.name: "), "%s", reason);
}
END_TEST

START_TEST(a_name_that_no_file_can_have_makes_no_machine)
{
    g_autofree char *name = g_strnfill(250, 'a');
    g_autofree char *override =
        g_strdup_printf(",'volumeRestoreOverrides':[{'volumeName':'vda','restoreName':'%s'}]", name);
    g_autofree char *target = refusal(name, "");
    g_autofree char *file = refusal("lara", override);

    ck_assert_ptr_nonnull(strstr(target, "choose a shorter one"));
    ck_assert_ptr_nonnull(strstr(file, "spec.volumeRestoreOverrides: vda"));
}
END_TEST

START_TEST(a_good_name_is_taken)
{
    g_autofree char *reason = refusal("lara-2.example", "");

    ck_assert_msg(!reason, "%s", reason);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-host");
    TCase *cases = tcase_create("restore-host");

    tcase_add_loop_test(cases, a_name_that_the_api_has_not_makes_no_machine, 0, G_N_ELEMENTS(names));
    tcase_add_test(cases, a_name_that_no_file_can_have_makes_no_machine);
    tcase_add_test(cases, a_good_name_is_taken);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
