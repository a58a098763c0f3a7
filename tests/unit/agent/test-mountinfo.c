/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>
#include <sys/sysmacros.h>

#include "agent/filesystems/mountinfo.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

static GPtrArray *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *mounts = lull_mountinfo_parse(text, &error);

    ck_assert_msg(mounts, "%s", error ? error->message : "");
    return mounts;
}

START_TEST(test_reads_what_a_line_says)
{
    g_autoptr(GPtrArray) mounts =
        parse("36 35 98:1 /sub /mnt\\040a\\134b rw,noatime master:1 propagate_from:2 - "
              "ext4 /dev/\\043x rw,errors=continue\n"
              "37 35 0:40 / /ro ro - nfs server:/x ro,vers=4\n"
              "38 35 8:2 / /e ro,relatime - xfs  rw\n");
    const LullMount *a = g_ptr_array_index(mounts, 0);
    const LullMount *b = g_ptr_array_index(mounts, 1);
    const LullMount *c = g_ptr_array_index(mounts, 2);

    ck_assert_uint_eq(mounts->len, 3);
    ck_assert_int_eq(a->id, 36);
    ck_assert_int_eq(a->parent, 35);
    ck_assert(a->device == makedev(98, 1));
    ck_assert_str_eq(a->root, "/sub");
    ck_assert_str_eq(a->mountpoint, "/mnt a\\b");
    ck_assert_str_eq(a->type, "ext4");
    ck_assert_str_eq(a->source, "/dev/#x");
    ck_assert(!a->read_only);
    ck_assert(b->read_only);
    ck_assert_msg(!c->read_only, "a read-only mount of a writable file system is not read-only");
    ck_assert_str_eq(c->source, "");
}
END_TEST

static const char *const bad[] = {
    "x",
    "36 35 98:1 / /mnt rw - ext4 /dev/x",
    "36 35 98:1 / /mnt rw ext4 /dev/x rw",
    "x 35 98:1 / /mnt rw - ext4 /dev/x rw",
    "36 35 98 / /mnt rw - ext4 /dev/x rw",
    "36 35 98:1:2 / /mnt rw - ext4 /dev/x rw",
    "36 35 -1:1 / /mnt rw - ext4 /dev/x rw",
    "36 35 98:99999999999 / /mnt rw - ext4 /dev/x rw",
    "99999999999 35 98:1 / /mnt rw - ext4 /dev/x rw",
    "36 35 98:1 / mnt rw - ext4 /dev/x rw",
    "36 35 98:1 /  rw - ext4 /dev/x rw",
    "- - - - - - - - - -",
};

START_TEST(test_names_the_line_that_it_does_not_understand)
{
    g_autofree char *text = g_strconcat("36 35 98:1 / / rw - ext4 /dev/x rw\n\n", bad[_i], "\n", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_mountinfo_parse(text, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_ptr_nonnull(strstr(error->message, "line 3"));
}
END_TEST

START_TEST(test_leaves_odd_escapes_as_they_are)
{
    g_autoptr(GPtrArray) mounts =
        parse("1 0 8:1 / /a\\ rw - ext4 \\000\\777\\12 rw\n2 1 8:2 / /\\9 rw - a\\401 b rw");
    const LullMount *a = g_ptr_array_index(mounts, 0);
    const LullMount *b = g_ptr_array_index(mounts, 1);

    ck_assert_str_eq(a->mountpoint, "/a\\");
    ck_assert_str_eq(a->source, "\\000\\777\\12");
    ck_assert_str_eq(b->mountpoint, "/\\9");
    ck_assert_str_eq(b->type, "a\\401");
}
END_TEST

static int
resolve(const LullMountTree *tree, const char *path)
{
    const LullMount *mount = lull_mount_tree_resolve(tree, path);

    return mount ? mount->id : -1;
}

START_TEST(test_a_path_leads_to_the_mount_that_the_kernel_would_reach)
{
    g_autoptr(GPtrArray) mounts = parse("1 0 0:1 / / rw - rootfs rootfs rw\n"
                                        "2 1 8:1 / / rw - ext4 /dev/a rw\n"     /* stacked on the root */
                                        "3 2 8:2 / /srv rw - ext4 /dev/b rw\n"  /* later covered */
                                        "4 3 8:3 / /srv rw - xfs /dev/c rw\n"   /* covers it */
                                        "5 3 8:4 / /srv/x rw - xfs /dev/d rw\n" /* below the covered one */
                                        "6 4 8:5 / /srv/y rw - xfs /dev/e rw\n"
                                        "7 2 8:6 / /srvz rw - xfs /dev/f rw\n");
    g_autoptr(LullMountTree) tree = lull_mount_tree_new(mounts);

    ck_assert_int_eq(resolve(tree, "/"), 2);
    ck_assert_int_eq(resolve(tree, "/home/me"), 2);
    ck_assert_int_eq(resolve(tree, "/srv"), 4);
    ck_assert_int_eq(resolve(tree, "//srv///"), 4);
    ck_assert_int_eq(resolve(tree, "/srv/x"), 4);
    ck_assert_int_eq(resolve(tree, "/srv/y/deep/file"), 6);
    ck_assert_int_eq(resolve(tree, "/srvz"), 7);
    ck_assert_int_eq(resolve(tree, "relative"), -1);
}
END_TEST

START_TEST(test_a_hostile_table_with_a_ring_ends)
{
    g_autoptr(GPtrArray) mounts = parse("1 0 8:1 / / rw - ext4 a rw\n"
                                        "2 3 8:2 / / rw - ext4 b rw\n"
                                        "3 2 8:3 / / rw - ext4 c rw\n"
                                        "4 4 8:3 / / rw - ext4 c rw\n"
                                        "2 1 8:2 / / rw - ext4 b rw\n");
    g_autoptr(LullMountTree) tree = lull_mount_tree_new(mounts);

    ck_assert_int_ge(resolve(tree, "/a/b"), 1);
}
END_TEST

START_TEST(test_paths_are_compared_without_needless_slashes)
{
    const char *const pairs[][2] = {{"/", "/"}, {"//", "/"}, {"/a/", "/a"}, {"/a//b///", "/a/b"}, {"", ""}};

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autofree char *normal = lull_path_normalize(pairs[i][0]);

        ck_assert_str_eq(normal, pairs[i][1]);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("mountinfo");
    TCase *tcase = tcase_create("mountinfo");

    tcase_add_test(tcase, test_reads_what_a_line_says);
    tcase_add_loop_test(tcase, test_names_the_line_that_it_does_not_understand, 0, G_N_ELEMENTS(bad));
    tcase_add_test(tcase, test_leaves_odd_escapes_as_they_are);
    tcase_add_test(tcase, test_a_path_leads_to_the_mount_that_the_kernel_would_reach);
    tcase_add_test(tcase, test_a_hostile_table_with_a_ring_ends);
    tcase_add_test(tcase, test_paths_are_compared_without_needless_slashes);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
