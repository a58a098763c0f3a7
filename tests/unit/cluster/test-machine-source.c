/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-source.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* S19, S21 and S58 of the reference: what runs, with the disks that it has now. */
START_TEST(test_what_runs_is_kept_with_the_disks_of_today)
{
    g_autoptr(LullJson) running = json("{'dataVolumeTemplates':[1],'template':{'spec':{'volumes':['old'],'"
                                       "domain':{'cpu':1,'devices':{'disks':['old'],"
                                       "'rng':{}}}}}}");
    g_autoptr(LullJson) live = json("{'template':{'spec':{'volumes':['old','new'],'domain':{'cpu':8,'devices'"
                                    ":{'disks':['old','new']}}}}}");
    g_autoptr(LullJson) wanted = json("{'template':{'spec':{'volumes':['old','new'],'domain':{'cpu':1,'"
                                      "devices':{'rng':{},'disks':['old','new']}}}}}");
    g_autoptr(LullJson) spec = lull_machine_spec(running, live);

    ck_assert_msg(json_object_equal(spec, wanted), "%s", lull_json_to_line(spec));
}
END_TEST

START_TEST(test_a_machine_without_disks_has_none_in_its_snapshot)
{
    g_autoptr(LullJson) running = json("{'template':{'spec':{'volumes':['old']}}}");
    g_autoptr(LullJson) live = json("{}");
    g_autoptr(LullJson) spec = lull_machine_spec(running, live);

    ck_assert_ptr_null(lull_json_at(spec, "template", "spec", "volumes", NULL));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("machine-source");
    TCase *tcase = tcase_create("machine-source");

    tcase_add_test(tcase, test_what_runs_is_kept_with_the_disks_of_today);
    tcase_add_test(tcase, test_a_machine_without_disks_has_none_in_its_snapshot);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
