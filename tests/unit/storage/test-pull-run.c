/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull-run.h"

#include "tests/lib/check-main.h"

#define MIB ((guint64)1024 * 1024)

static const struct {
    guint64 need, allocated, room; /* MiB */
} rooms[] = {
    {10, 20000, 256}, {500, 20000, 500}, {20000, 20000, 1024}, {20, 20, 20}, {0, 0, 0},
};

START_TEST(room_for_what_the_guest_overwrites_is_as_much_as_is_copied_within_reason)
{
    ck_assert_uint_eq(lull_pull_room(rooms[_i].need * MIB, rooms[_i].allocated * MIB), rooms[_i].room * MIB);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/pull-run");
    TCase *cases = tcase_create("pull-run");

    tcase_add_loop_test(cases, room_for_what_the_guest_overwrites_is_as_much_as_is_copied_within_reason, 0,
                        G_N_ELEMENTS(rooms));
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
