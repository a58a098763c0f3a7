/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/image-clusters.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "tests/lib/check-main.h"

#define KIB ((off_t)1024)

START_TEST(a_block_here_and_there_takes_up_a_cluster_each)
{
    static const off_t blocks[] = {0, 4, 128, 60, 68, 1000}; /* KiB: in clusters 0, 0, 2, 0, 1, 15 */
    char *path = NULL;
    const int fd = g_file_open_tmp("lull-clusters-XXXXXX", &path, NULL);

    ck_assert_int_eq(ftruncate(fd, 4096 * KIB), 0);
    ck_assert_uint_eq(lull_image_clusters(path), 0);
    for (gsize i = 0; i < G_N_ELEMENTS(blocks); i++)
        ck_assert_int_eq(pwrite(fd, "x", 1, blocks[i] * KIB), 1);
    ck_assert_uint_eq(lull_image_clusters(path), 4 * 64 * (guint64)KIB);
    close(fd);
    g_unlink(path);
    g_free(path);
}
END_TEST

START_TEST(what_is_not_a_file_is_not_known)
{
    ck_assert_uint_eq(lull_image_clusters("/dev/null"), 0);
    ck_assert_uint_eq(lull_image_clusters("/nowhere"), 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/image-clusters");
    TCase *cases = tcase_create("image-clusters");

    tcase_add_test(cases, a_block_here_and_there_takes_up_a_cluster_each);
    tcase_add_test(cases, what_is_not_a_file_is_not_known);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
