/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt-report.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/fake-guest.h"

static LullVm *vm;

static void
setup(void)
{
    fake_reset();
    vm = lull_host_find_vm_by_uid(NULL, "v1", NULL);
}

static void
teardown(void)
{
    g_clear_pointer(&vm, lull_vm_free);
}

static LullJson *
report_of(const LullGuestHoldFacts *hold)
{
    const LullAttemptRecord record = {
        .op = "o1", .attempt = 1, .vm = vm, .hold = hold, .cut_while_frozen = TRUE};
    const LullTruth truth = lull_attempt_truth(&record);

    return lull_attempt_report(&record, &truth);
}

static const struct {
    gboolean frozen;
    gint64 thaw_usec, window_usec;
    gboolean measured;
    double thaw_ms, window_ms; /* < 0: not said */
    const char *is;            /* NULL: not said */
} told[] = {
    {TRUE, 1900, 26000, TRUE, 1.9, 26, "measured"},
    {TRUE, 1900, 26000, FALSE, 1.9, 26, "upper-bound"},
    {TRUE, 1, 1, TRUE, 0.001, 0.001, "measured"},
    /* no thaw that anybody answered */
    {TRUE, 0, 0, FALSE, -1, -1, NULL},
    {TRUE, 0, 26000, TRUE, -1, 26, "measured"},
    {FALSE, 1900, 26000, TRUE, -1, -1, NULL},
};

static void
must_be(LullJson *report, const char *key, double ms)
{
    LullJson *value = lull_json_at(report, key, NULL);

    ck_assert_msg((value != NULL) == (ms >= 0), "%s: %s", key, lull_json_to_line(report));
    if (value)
        ck_assert_double_eq_tol(json_object_get_double(value), ms, 1e-9);
}

START_TEST(test_how_long_the_guest_stood_still_is_told_only_where_it_is_known)
{
    g_autoptr(LullJson) none = json_object_new_array();
    const LullGuestHoldFacts hold = {
        .agent = LULL_AGENT_LULL,
        .attempted = TRUE,
        .frozen = told[_i].frozen,
        .broken = (char *)"agent lost",
        .problem = (char *)"refused",
        .thaw_usec = told[_i].thaw_usec,
        .window_usec = told[_i].window_usec,
        .window_measured = told[_i].measured,
        .filesystems = none,
    };
    g_autoptr(LullJson) report = report_of(&hold);

    must_be(report, "thawMs", told[_i].thaw_ms);
    must_be(report, "windowMs", told[_i].window_ms);
    if (told[_i].is)
        ck_assert_str_eq(lull_json_string(report, "windowIs", ""), told[_i].is);
    else
        ck_assert_ptr_null(lull_json_at(report, "windowIs", NULL));
}
END_TEST

START_TEST(test_each_volume_was_cut_when_its_storage_says_so_and_known_when_it_was_heard)
{
    g_autoptr(LullJson) rows =
        json("[{'name':'vda','storageTime':'2026-03-01T10:20:30Z','receivedAt':5250}]");
    const LullAttemptRecord record = {.op = "o1",
                                      .attempt = 1,
                                      .vm = vm,
                                      .freeze_asked = 1000,
                                      .cut_known = 9000,
                                      .cut_time = 1000000,
                                      .volumes = rows};
    const LullTruth truth = lull_attempt_truth(&record);
    g_autoptr(LullJson) report = lull_attempt_report(&record, &truth);
    LullJson *told_rows = lull_json_array(report, "volumes");
    LullJson *first = json_object_array_get_idx(told_rows, 0);
    LullJson *second = json_object_array_get_idx(told_rows, 1);

    ck_assert_str_eq(lull_json_string(first, "name", ""), "vda");
    ck_assert_str_eq(lull_json_string(first, "storageTime", ""), "2026-03-01T10:20:30Z");
    ck_assert_double_eq_tol(lull_json_double(first, "cutReceivedAtMs", 0), 4.25, 0.1);
    ck_assert_str_eq(lull_json_string(second, "storageTime", ""), "1970-01-01T00:00:01Z");
    ck_assert_double_eq_tol(lull_json_double(second, "cutReceivedAtMs", 0), 8, 0.1);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("attempt-report");
    TCase *tcase = tcase_create("attempt-report");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test_how_long_the_guest_stood_still_is_told_only_where_it_is_known, 0,
                        G_N_ELEMENTS(told));
    tcase_add_test(tcase, test_each_volume_was_cut_when_its_storage_says_so_and_known_when_it_was_heard);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
