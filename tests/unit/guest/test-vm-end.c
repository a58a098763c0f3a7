/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/link.h"
#include "tests/lib/check-main.h"

static const struct {
    int reason;
    LullVmEnd end;
} rows[] = {
    {VIR_DOMAIN_SHUTOFF_UNKNOWN, LULL_VM_END_UNKNOWN},
    {VIR_DOMAIN_SHUTOFF_SHUTDOWN, LULL_VM_END_SHUTDOWN},
    {VIR_DOMAIN_SHUTOFF_DESTROYED, LULL_VM_END_DESTROYED},
    {VIR_DOMAIN_SHUTOFF_CRASHED, LULL_VM_END_CRASHED},
    {VIR_DOMAIN_SHUTOFF_MIGRATED, LULL_VM_END_MIGRATED},
    {VIR_DOMAIN_SHUTOFF_SAVED, LULL_VM_END_SAVED},
    {VIR_DOMAIN_SHUTOFF_FAILED, LULL_VM_END_FAILED},
    {VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT, LULL_VM_END_REVERTED},
    {VIR_DOMAIN_SHUTOFF_DAEMON, LULL_VM_END_CRASHED},
    {1000, LULL_VM_END_UNKNOWN},
    {-1, LULL_VM_END_UNKNOWN},
};

START_TEST(only_what_libvirt_calls_a_shutdown_is_one)
{
    ck_assert_int_eq(lull_vm_end_of(rows[_i].reason, FALSE, FALSE), rows[_i].end);
    ck_assert_int_eq(lull_vm_end_of(rows[_i].reason, TRUE, FALSE), LULL_VM_END_SAVED);
    ck_assert_int_eq(lull_vm_end_of(rows[_i].reason, TRUE, TRUE), LULL_VM_END_SAVED);
    ck_assert_int_eq(lull_vm_end_of(rows[_i].reason, FALSE, TRUE),
                     rows[_i].end == LULL_VM_END_SHUTDOWN ? LULL_VM_END_TERMINATED : rows[_i].end);
}
END_TEST

static const struct {
    int state, reason;
    LullVmState expected;
} states[] = {
    {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED, LULL_VM_RUNNING},
    {VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_USER, LULL_VM_RUNNING},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SHUTDOWN, LULL_VM_STOPPED},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, LULL_VM_PAUSED},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, LULL_VM_PAUSED},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, LULL_VM_PAUSED},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN, LULL_VM_PAUSED},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, LULL_VM_RUNNING},
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SHUTTING_DOWN, LULL_VM_RUNNING},
    {VIR_DOMAIN_PMSUSPENDED, 0, LULL_VM_PAUSED},
    {VIR_DOMAIN_CRASHED, 0, LULL_VM_PAUSED},
    {1000, 0, LULL_VM_RUNNING}, /* not off: what may run is never taken for what does not */
};

START_TEST(a_machine_that_starts_or_ends_is_not_paused)
{
    ck_assert_int_eq(lull_vm_state_of(states[_i].state, states[_i].reason), states[_i].expected);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/vm-end");
    TCase *cases = tcase_create("vm-end");

    tcase_add_loop_test(cases, only_what_libvirt_calls_a_shutdown_is_one, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(cases, a_machine_that_starts_or_ends_is_not_paused, 0, G_N_ELEMENTS(states));
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
