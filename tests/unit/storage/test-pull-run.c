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

static const struct {
    guint64 room, allocated, spare, reserve; /* MiB */
} reserves[] = {
    {1024, 20000, 4000, 512}, {256, 20000, 600, 300}, {256, 20000, 256, 128},
    {1024, 20000, 0, 256},    {20, 20, 9000, 20},     {0, 0, 9000, 0},
};

START_TEST(half_a_gibibyte_stays_free_where_there_is_so_much)
{
    ck_assert_uint_eq(
        lull_pull_reserve(reserves[_i].room * MIB, reserves[_i].allocated * MIB, reserves[_i].spare * MIB),
        reserves[_i].reserve * MIB);
}
END_TEST

START_TEST(it_is_looked_more_often_the_less_there_is)
{
    ck_assert_int_eq(lull_pull_pause(1024 * MIB, 512 * MIB), 100000);
    ck_assert_int_eq(lull_pull_pause(1023 * MIB, 512 * MIB), 20000);
    ck_assert_int_eq(lull_pull_pause(0, 0), 100000);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/pull-run");
    TCase *cases = tcase_create("pull-run");

    tcase_add_loop_test(cases, room_for_what_the_guest_overwrites_is_as_much_as_is_copied_within_reason, 0,
                        G_N_ELEMENTS(rooms));
    tcase_add_loop_test(cases, half_a_gibibyte_stays_free_where_there_is_so_much, 0, G_N_ELEMENTS(reserves));
    tcase_add_test(cases, it_is_looked_more_often_the_less_there_is);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
