/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/file.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "coordinator/storage/folder.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

static char *dir;
static char *path;

static void
set_up(void)
{
    dir = g_dir_make_tmp("lull-file-XXXXXX", NULL);
    path = g_build_filename(dir, "file", NULL);
}

static void
tear_down(void)
{
    lull_folder_remove(dir, NULL);
    g_clear_pointer(&dir, g_free);
    g_clear_pointer(&path, g_free);
}

static guint64
size_of_file(void)
{
    struct stat info;

    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 07777, 0600);
    return (guint64)info.st_size;
}

static void
must_finish(LullPullFile *file, guint64 size)
{
    g_autofree char *sum = NULL;
    g_autofree char *now = NULL;

    ck_assert(lull_pull_file_finish(file, &sum, NULL));
    now = lull_folder_sha256(path, NULL, NULL);
    ck_assert_str_eq(sum, now);
    ck_assert_uint_eq(size_of_file(), size);
}

START_TEST(far_more_than_there_are_blocks_is_summed_up_in_order)
{
    g_autoptr(LullPullFile) file = lull_pull_file_new(path, NULL);
    guint64 size = 0;

    for (guint i = 0; i < 4 * LULL_PULL_BLOCKS; i++) {
        guint8 *block = lull_pull_file_take(file);
        const gsize bytes = i % 3 ? LULL_PULL_BLOCK : 1 + i;

        memset(block, (int)i, bytes);
        ck_assert(lull_pull_file_write(file, block, bytes, NULL));
        size += bytes;
    }
    must_finish(file, size);
}
END_TEST

START_TEST(whole_blocks_are_written_as_they_are)
{
    g_autoptr(LullPullFile) file = lull_pull_file_new(path, NULL);

    for (guint i = 0; i < 2 * LULL_PULL_BLOCKS; i++)
        ck_assert(lull_pull_file_write(file, memset(lull_pull_file_take(file), (int)i, LULL_PULL_BLOCK),
                                       LULL_PULL_BLOCK, NULL));
    must_finish(file, 2 * LULL_PULL_BLOCKS * LULL_PULL_BLOCK);
}
END_TEST

START_TEST(blocks_may_be_had_before_others_are_written)
{
    g_autoptr(LullPullFile) file = lull_pull_file_new(path, NULL);
    guint8 *blocks[LULL_PULL_BLOCKS / 2];

    for (guint round = 0; round < 3; round++) {
        for (guint i = 0; i < G_N_ELEMENTS(blocks); i++)
            memset(blocks[i] = lull_pull_file_take(file), (int)i, LULL_PULL_BLOCK);
        for (guint i = 0; i < G_N_ELEMENTS(blocks); i++)
            ck_assert(lull_pull_file_write(file, blocks[i], 1000, NULL));
    }
    must_finish(file, 3 * G_N_ELEMENTS(blocks) * 1000);
}
END_TEST

START_TEST(a_file_without_anything_has_a_sum_too)
{
    g_autoptr(LullPullFile) file = lull_pull_file_new(path, NULL);

    must_finish(file, 0);
}
END_TEST

START_TEST(a_file_that_is_given_up_is_gone)
{
    LullPullFile *file = lull_pull_file_new(path, NULL);

    for (guint i = 0; i < LULL_PULL_BLOCKS; i++)
        ck_assert(lull_pull_file_write(file, memset(lull_pull_file_take(file), 1, LULL_PULL_BLOCK),
                                       LULL_PULL_BLOCK, NULL));
    ck_assert(g_file_test(path, G_FILE_TEST_EXISTS));
    lull_pull_file_free(file);
    ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(what_cannot_be_written_is_told_in_the_end_at_the_latest)
{
    const struct rlimit limit = {3 * LULL_PULL_BLOCK, 3 * LULL_PULL_BLOCK};
    LullPullFile *file = lull_pull_file_new(path, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *sum = NULL;

    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (guint i = 0; i < 2 * LULL_PULL_BLOCKS; i++)
        (void)lull_pull_file_write(file, memset(lull_pull_file_take(file), 1, LULL_PULL_BLOCK),
                                   LULL_PULL_BLOCK, NULL);
    ck_assert(!lull_pull_file_finish(file, &sum, &error));
    ck_assert_ptr_null(sum);
    ck_assert_ptr_nonnull(strstr(error->message, path));
    lull_pull_file_free(file);
    ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(what_is_there_is_left_alone)
{
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_set_contents(path, "mine", -1, NULL));
    ck_assert_ptr_null(lull_pull_file_new(path, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_EXISTS));
    ck_assert(g_file_test(path, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_told)
{
    g_autofree char *nowhere = g_build_filename(dir, "no", "file", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_pull_file_new(nowhere, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_NOT_FOUND));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/pull-file");
    TCase *cases = tcase_create("pull-file");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, far_more_than_there_are_blocks_is_summed_up_in_order);
    tcase_add_test(cases, whole_blocks_are_written_as_they_are);
    tcase_add_test(cases, blocks_may_be_had_before_others_are_written);
    tcase_add_test(cases, a_file_without_anything_has_a_sum_too);
    tcase_add_test(cases, a_file_that_is_given_up_is_gone);
    tcase_add_test(cases, what_cannot_be_written_is_told_in_the_end_at_the_latest);
    tcase_add_test(cases, what_is_there_is_left_alone);
    tcase_add_test(cases, a_folder_that_is_not_there_is_told);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
