/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The rules of a hold against a kernel that is played. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "tests/lib/check-main.h"
#include "tests/unit/agent/freezer/played-kernel.h"

START_TEST(only_what_is_ours_is_marked_and_before_it_is_frozen)
{
    Kernel *kernel = kernel_new();

    kernel->foreign[1] = true;
    kernel->refuses[2] = EOPNOTSUPP;
    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert_int_eq(kernel->unmarked, 0);
    ck_assert_int_eq(kernel->marks[0], LULL_MARK_FROZEN);
    ck_assert_int_eq(kernel->marks[1], LULL_MARK_FREE);
    ck_assert_int_eq(kernel->marks[2], LULL_MARK_FREE);
    ck_assert_int_eq(kernel->marks[3], LULL_MARK_FROZEN);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_LEASE, kernel->clock);
    watcher_turn(kernel);
    assert_all_released_once(kernel);
    kernel_free(kernel);
}
END_TEST

START_TEST(what_cannot_be_thawed_stays_ours_until_it_can)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    kernel->thaw_refused = 3;
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_LEASE, kernel->clock);
    watcher_turn(kernel);
    ck_assert_int_eq(state(kernel, N - 1), LULL_MOUNT_STUCK);
    ck_assert(!lull_hold_settled(kernel->hold));
    ck_assert_int_eq(kernel->marks[N - 1], LULL_MARK_FROZEN);
    ck_assert(!kernel->frozen[0]);
    watcher_turn(kernel);
    ck_assert_int_eq(state(kernel, N - 1), LULL_MOUNT_THAWED);
    assert_all_released_once(kernel);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_hold_that_lasts_is_proven_and_thawed_in_mirrored_order)
{
    Kernel *kernel = kernel_new();
    static const int expected[] = {1, 2, 3, 4, -4, -3, -2, -1};

    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert_int_eq(lull_hold_phase(kernel->hold), LULL_HOLD_FROZEN);
    ck_assert_int_eq(kernel->armed_when_frozen, 0);
    ck_assert_int_eq(atomic_load(&kernel->hold->mounts[2].writes_frozen), 102);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
    ck_assert_int_eq(lull_hold_phase(kernel->hold), LULL_HOLD_VERIFYING);
    ck_assert(kernel->frozen[0]);
    lull_hold_verify(kernel->hold, &ops, kernel);

    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_NONE);
    ck_assert(lull_hold_went_through(kernel->hold));
    ck_assert_int_eq(memcmp(kernel->order, expected, sizeof expected), 0);
    ck_assert_int_eq(state(kernel, 0), LULL_MOUNT_THAWED);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_foreign_freeze_is_left_alone_and_no_failure_even_when_strict)
{
    Kernel *kernel = kernel_new();

    kernel->foreign[1] = true;
    atomic_store(&kernel->hold->strict, 1);
    freeze_and_thaw(kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_NONE);
    ck_assert_int_eq(state(kernel, 1), LULL_MOUNT_FOREIGN);
    ck_assert(kernel->foreign[1]);
    kernel_free(kernel);
}
END_TEST

START_TEST(what_cannot_be_frozen_is_skipped)
{
    Kernel *kernel = kernel_new();

    kernel->refuses[0] = EOPNOTSUPP;
    atomic_store(&kernel->hold->strict, 1);
    freeze_and_thaw(kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_NONE);
    ck_assert_int_eq(state(kernel, 0), LULL_MOUNT_SKIPPED);
    ck_assert_int_eq(kernel->thaws[0], 0);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_failure_undoes_all_only_when_strict)
{
    for (int strict = 0; strict < 2; strict++) {
        Kernel *kernel = kernel_new();

        kernel->refuses[2] = EIO;
        atomic_store(&kernel->hold->strict, (uint32_t)strict);
        lull_hold_freeze(kernel->hold, &ops, kernel);
        ck_assert_int_eq(state(kernel, 2), LULL_MOUNT_FAILED);
        ck_assert_int_eq(atomic_load(&kernel->hold->mounts[2].error), EIO);
        ck_assert_int_eq(kernel->frozen[0], !strict);
        ck_assert_int_eq(lull_hold_went_through(kernel->hold), !strict);
        if (strict) {
            assert_all_released_once(kernel);
            ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_REFUSED);
            ck_assert_int_eq(state(kernel, 3), LULL_MOUNT_PLANNED);
        }
        kernel_free(kernel);
    }
}
END_TEST

START_TEST(a_mount_that_could_not_be_opened_keeps_a_strict_freeze_from_starting)
{
    Kernel *kernel = kernel_new();

    atomic_store(&kernel->hold->mounts[3].state, LULL_MOUNT_FAILED);
    atomic_store(&kernel->hold->strict, 1);
    lull_hold_freeze(kernel->hold, &ops, kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_REFUSED);
    ck_assert_int_eq(kernel->n_order, 0);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_thaw_behind_our_back_breaks_the_hold_and_leaves_nothing_frozen)
{
    for (int i = 0; i < N; i++) {
        Kernel *kernel = kernel_new();

        lull_hold_freeze(kernel->hold, &ops, kernel);
        kernel->frozen[i] = false;
        (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
        lull_hold_verify(kernel->hold, &ops, kernel);
        assert_all_released_once(kernel);
        ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_FOREIGN_THAW);
        kernel_free(kernel);
    }
}
END_TEST

START_TEST(a_verification_that_answers_otherwise_proves_nothing)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    kernel->refuses[0] = EIO;
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
    lull_hold_verify(kernel->hold, &ops, kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_UNVERIFIED);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_thaw_before_the_freeze_keeps_it_from_ever_starting)
{
    Kernel *kernel = kernel_new();

    ck_assert(lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock));
    lull_hold_freeze(kernel->hold, &ops, kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_NONE);
    ck_assert(!lull_hold_went_through(kernel->hold));
    ck_assert_int_eq(kernel->n_order, 0);
    kernel_free(kernel);
}
END_TEST

START_TEST(the_first_reason_stays)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert(lull_hold_end(kernel->hold, LULL_HOLD_REASON_LEASE, kernel->clock));
    for (int reason = LULL_HOLD_REASON_ASKED; reason < LULL_HOLD_REASON_N; reason++)
        ck_assert(!lull_hold_end(kernel->hold, (LullHoldReason)reason, kernel->clock));
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_LEASE);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_lease_is_renewed_until_the_moment_it_ends)
{
    Kernel *kernel = kernel_new();
    const int64_t start = kernel->clock;

    ck_assert(!lull_hold_renew(kernel->hold, start, LEASE));
    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert_int_eq(lull_hold_deadline(kernel->hold), start + LEASE);
    ck_assert(!lull_hold_watch(kernel->hold, start + LEASE - 1));
    ck_assert(lull_hold_renew(kernel->hold, start + LEASE - 1, LEASE));
    ck_assert(!lull_hold_watch(kernel->hold, start + LEASE));
    ck_assert_int_eq(lull_hold_remaining(kernel->hold, start + LEASE), LEASE - 1);
    ck_assert(lull_hold_renew(kernel->hold, start + LEASE, 10)); /* shorter is allowed */
    ck_assert_int_eq(lull_hold_deadline(kernel->hold), start + LEASE + 10);

    ck_assert(
        !lull_hold_renew(kernel->hold, start + LEASE + 10, LEASE)); /* too late, though nobody noticed */
    ck_assert(lull_hold_watch(kernel->hold, start + LEASE + 10));
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_LEASE);
    ck_assert(!lull_hold_renew(kernel->hold, start, LEASE));
    ck_assert_int_eq(lull_hold_remaining(kernel->hold, start), 0);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_lease_cannot_be_renewed_once_thaw_was_asked_for_but_still_ends)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
    ck_assert(!lull_hold_renew(kernel->hold, kernel->clock, LEASE));
    ck_assert_int_eq(lull_hold_remaining(kernel->hold, kernel->clock), 0);
    ck_assert(!lull_hold_watch(kernel->hold, kernel->clock + LEASE - 1));
    ck_assert(lull_hold_watch(kernel->hold, kernel->clock + LEASE));
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_LEASE);
    kernel_free(kernel);
}
END_TEST

START_TEST(verification_is_bounded_when_the_lease_is_long)
{
    Kernel *kernel = kernel_new();

    atomic_store(&kernel->hold->lease_usec, 100 * LULL_HOLD_VERIFY_USEC);
    lull_hold_freeze(kernel->hold, &ops, kernel);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
    ck_assert_int_eq(lull_hold_deadline(kernel->hold), kernel->clock + LULL_HOLD_VERIFY_USEC);
    ck_assert(!lull_hold_watch(kernel->hold, kernel->clock + LULL_HOLD_VERIFY_USEC - 1));
    ck_assert(lull_hold_watch(kernel->hold, kernel->clock + LULL_HOLD_VERIFY_USEC));
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_UNVERIFIED);
    kernel_free(kernel);
}
END_TEST

START_TEST(being_slow_ends_a_freeze_but_not_a_hold)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert(!lull_hold_end(kernel->hold, LULL_HOLD_REASON_SLOW, kernel->clock));
    ck_assert(lull_hold_renew(kernel->hold, kernel->clock, LEASE));
    kernel_free(kernel);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("agent-freezer-hold");
    TCase *tcase = tcase_create("rules");

    tcase_add_test(tcase, a_hold_that_lasts_is_proven_and_thawed_in_mirrored_order);
    tcase_add_test(tcase, only_what_is_ours_is_marked_and_before_it_is_frozen);
    tcase_add_test(tcase, what_cannot_be_thawed_stays_ours_until_it_can);
    tcase_add_test(tcase, a_foreign_freeze_is_left_alone_and_no_failure_even_when_strict);
    tcase_add_test(tcase, what_cannot_be_frozen_is_skipped);
    tcase_add_test(tcase, a_failure_undoes_all_only_when_strict);
    tcase_add_test(tcase, a_mount_that_could_not_be_opened_keeps_a_strict_freeze_from_starting);
    tcase_add_test(tcase, a_thaw_behind_our_back_breaks_the_hold_and_leaves_nothing_frozen);
    tcase_add_test(tcase, a_verification_that_answers_otherwise_proves_nothing);
    tcase_add_test(tcase, a_thaw_before_the_freeze_keeps_it_from_ever_starting);
    tcase_add_test(tcase, the_first_reason_stays);
    tcase_add_test(tcase, a_lease_is_renewed_until_the_moment_it_ends);
    tcase_add_test(tcase, a_lease_cannot_be_renewed_once_thaw_was_asked_for_but_still_ends);
    tcase_add_test(tcase, verification_is_bounded_when_the_lease_is_long);
    tcase_add_test(tcase, being_slow_ends_a_freeze_but_not_a_hold);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
