/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/image-whole.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "coordinator/storage/image.h"
#include "tests/lib/check-main.h"

#define CLUSTER 65536

static char *path;

static void
set_up(void)
{
    const int fd = g_file_open_tmp("image-XXXXXX", &path, NULL);

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert(lull_image_create(path, 4 * CLUSTER - 512, NULL, NULL)); /* the last one is a part only */
}

static void
tear_down(void)
{
    g_unlink(path);
    g_clear_pointer(&path, g_free);
}

static void
io(const char *command)
{
    const char *const argv[] = {"qemu-io", "-f", "qcow2", "-c", command, path, NULL};
    g_autoptr(GSubprocess) process = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE, NULL);

    ck_assert_ptr_nonnull(process);
    ck_assert(g_subprocess_wait_check(process, NULL, NULL));
}

START_TEST(an_image_is_whole_when_its_last_cluster_is_written)
{
    ck_assert(!lull_image_is_whole(path));
    io("write -q 0 128k");
    ck_assert(!lull_image_is_whole(path));
    io("write -q 192k 65024");
    ck_assert(!lull_image_is_whole(path));
    io("write -q 128k 64k");
    ck_assert(lull_image_is_whole(path));
}
END_TEST

START_TEST(zeroes_that_were_written_count)
{
    io("write -q 0 64k");
    io("write -q -z 64k 196096");
    ck_assert(lull_image_is_whole(path));
}
END_TEST

START_TEST(what_cannot_be_read_is_not_whole)
{
    ck_assert_int_eq(truncate(path, 100), 0);
    ck_assert(!lull_image_is_whole(path));
    g_unlink(path);
    ck_assert(!lull_image_is_whole(path));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/image-whole");
    TCase *cases = tcase_create("image-whole");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, an_image_is_whole_when_its_last_cluster_is_written);
    tcase_add_test(cases, zeroes_that_were_written_count);
    tcase_add_test(cases, what_cannot_be_read_is_not_whole);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
