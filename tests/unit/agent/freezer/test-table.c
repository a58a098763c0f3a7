/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/table.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/freezer/table-create.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

static const LullFreezerMount plan[] = {
    {.mountpoint = "/srv/data", .device = 0x803, .counter = "/sys/dev/block/8:3/stat"},
    {.mountpoint = "/", .device = 0x801},
};

START_TEST(the_freezer_finds_the_plan_that_the_agent_made)
{
    int fd = -1;
    LullHold *agent = lull_table_create(plan, G_N_ELEMENTS(plan), &fd, NULL);
    LullHold *freezer = lull_table_map(fd);

    ck_assert_ptr_nonnull(agent);
    ck_assert_ptr_nonnull(freezer);
    ck_assert_uint_eq(freezer->n_mounts, 2);
    ck_assert_uint_eq(freezer->mounts[0].device, 0x803);
    ck_assert_str_eq(lull_table_path(freezer, 0), "/srv/data");
    ck_assert_str_eq(lull_table_counter(freezer, 0), "/sys/dev/block/8:3/stat");
    ck_assert_str_eq(lull_table_path(freezer, 1), "/");
    ck_assert_ptr_null(lull_table_counter(freezer, 1));
    ck_assert_int_eq(atomic_load(&freezer->mounts[1].writes_thaw), -1);

    atomic_store(&freezer->mounts[1].state, LULL_MOUNT_FROZEN);
    ck_assert_uint_eq(atomic_load(&agent->mounts[1].state), LULL_MOUNT_FROZEN);
    lull_table_unmap(freezer);
    lull_table_unmap(agent);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(an_empty_plan_is_a_table)
{
    int fd = -1;
    LullHold *agent = lull_table_create(NULL, 0, &fd, NULL);
    LullHold *freezer = lull_table_map(fd);

    ck_assert_ptr_nonnull(freezer);
    ck_assert_uint_eq(freezer->n_mounts, 0);
    lull_table_unmap(freezer);
    lull_table_unmap(agent);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(nobody_can_shrink_a_table_under_the_other)
{
    int fd = -1;
    LullHold *agent = lull_table_create(plan, G_N_ELEMENTS(plan), &fd, NULL);

    ck_assert_int_eq(ftruncate(fd, 0), -1);
    ck_assert_int_eq(errno, EPERM);
    lull_table_unmap(agent);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

static void
spoil_magic(LullHold *hold)
{
    hold->magic++;
}

static void
spoil_size(LullHold *hold)
{
    hold->size += 4096;
}

static void
spoil_count(LullHold *hold)
{
    hold->n_mounts = 60000;
}

static void
spoil_path(LullHold *hold)
{
    hold->mounts[1].path_offset = (uint32_t)hold->size;
}

static void
spoil_counter(LullHold *hold)
{
    hold->mounts[0].counter_offset = sizeof *hold;
}

static void
spoil_end_of_name(LullHold *hold)
{
    ((char *)hold)[hold->size - 1] = 'x';
}

static void (*const spoilers[])(LullHold *) = {
    spoil_magic, spoil_size, spoil_count, spoil_path, spoil_counter, spoil_end_of_name,
};

START_TEST(a_table_that_is_not_sound_is_refused)
{
    int fd = -1;
    LullHold *agent = lull_table_create(plan, G_N_ELEMENTS(plan), &fd, NULL);
    const uint64_t size = agent->size;

    spoilers[_i](agent);
    ck_assert_ptr_null(lull_table_map(fd));
    ck_assert_int_eq(errno, EINVAL);
    agent->size = size;
    lull_table_unmap(agent);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(more_mounts_than_a_table_holds_are_an_error)
{
    g_autoptr(GError) error = NULL;
    int fd = -1;

    ck_assert_ptr_null(lull_table_create(plan, 65537, &fd, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(an_empty_file_is_no_table)
{
    const int fd = memfd_create("empty", MFD_CLOEXEC);

    ck_assert_ptr_null(lull_table_map(fd));
    ck_assert_int_eq(close(fd), 0);
    ck_assert_ptr_null(lull_table_map(-1));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("agent-freezer-table");
    TCase *tcase = tcase_create("table");

    tcase_add_test(tcase, the_freezer_finds_the_plan_that_the_agent_made);
    tcase_add_test(tcase, an_empty_plan_is_a_table);
    tcase_add_test(tcase, nobody_can_shrink_a_table_under_the_other);
    tcase_add_loop_test(tcase, a_table_that_is_not_sound_is_refused, 0, G_N_ELEMENTS(spoilers));
    tcase_add_test(tcase, more_mounts_than_a_table_holds_are_an_error);
    tcase_add_test(tcase, an_empty_file_is_no_table);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
