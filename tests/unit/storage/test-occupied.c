/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/occupied.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "tests/lib/check-main.h"

static char *directory;

/* A folder "real" with the file "a" and a second name of it; a link "link" to the folder, "to-a" to the file.
 */
static void
set_up(void)
{
    g_autofree char *real = NULL;
    g_autofree char *file = NULL;
    g_autofree char *second = NULL;
    g_autofree char *link_name = NULL;
    g_autofree char *to_a = NULL;

    directory = g_dir_make_tmp("occupied-XXXXXX", NULL);
    real = g_build_filename(directory, "real", NULL);
    file = g_build_filename(real, "a", NULL);
    second = g_build_filename(real, "second", NULL);
    link_name = g_build_filename(directory, "link", NULL);
    to_a = g_build_filename(directory, "to-a", NULL);
    ck_assert_int_eq(g_mkdir(real, 0700), 0);
    ck_assert(g_file_set_contents(file, "x", 1, NULL));
    ck_assert_int_eq(link(file, second), 0);
    ck_assert_int_eq(symlink("real", link_name), 0);
    ck_assert_int_eq(symlink("real/a", to_a), 0);
}

static void
tear_down(void)
{
    lull_folder_remove(directory, NULL);
    g_free(directory);
}

static const struct {
    const char *a, *b;
    gboolean same;
} pairs[] = {
    {"real/a", "real/a", TRUE},       {"real/a", "link/a", TRUE},      {"real/a", "real/../link//a", TRUE},
    {"real/a", "to-a", TRUE},         {"real/a", "real/second", TRUE}, {"real/a", "real", FALSE},
    {"real/gone", "link/gone", TRUE}, {"real/gone", "gone", FALSE},    {"gone/a", "gone/a", TRUE},
    {"gone/a", "real/a", FALSE},      {"real/a", "real/gone", FALSE},
};

START_TEST(what_leads_to_the_same_is_the_same)
{
    g_autofree char *a = g_build_filename(directory, pairs[_i].a, NULL);
    g_autofree char *b = g_build_filename(directory, pairs[_i].b, NULL);

    ck_assert_int_eq(lull_occupied_is_same(a, b), pairs[_i].same);
    ck_assert_int_eq(lull_occupied_is_same(b, a), pairs[_i].same);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("occupied");
    TCase *tcase = tcase_create("occupied");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, what_leads_to_the_same_is_the_same, 0, G_N_ELEMENTS(pairs));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
