/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/folder.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define UID "6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f"

static char *directory;

static void
set_up(void)
{
    directory = g_dir_make_tmp("folder-XXXXXX", NULL);
    ck_assert_ptr_nonnull(directory);
}

static void
tear_down(void)
{
    lull_folder_remove(directory, NULL);
    g_clear_pointer(&directory, g_free);
}

static char *
below(const char *name)
{
    return g_build_filename(directory, name, NULL);
}

START_TEST(only_a_uuid_names_a_folder)
{
    static const char *const bad[] = {"", "..", "../" UID, UID "/x", "x", UID "."};
    g_autofree char *content = lull_folder_path("/store", UID, 0, NULL);
    g_autofree char *attempt = lull_folder_path("/store", UID, 3, NULL);

    ck_assert_str_eq(content, "/store/" UID);
    ck_assert_str_eq(attempt, "/store/" UID ".attempt-3");
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_ptr_null(lull_folder_path("/store", bad[i], 0, &error));
        ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    }
    ck_assert_ptr_null(lull_folder_path("/store", NULL, 0, NULL));
}
END_TEST

START_TEST(making_a_folder_empties_what_an_earlier_try_left)
{
    g_autofree char *path = below(UID);
    g_autofree char *file = below(UID "/old");

    ck_assert(lull_folder_make(path, NULL));
    ck_assert(g_file_set_contents(file, "x", 1, NULL));
    ck_assert(lull_folder_make(path, NULL));
    ck_assert(!g_file_test(file, G_FILE_TEST_EXISTS));
    ck_assert(g_file_test(path, G_FILE_TEST_IS_DIR));
}
END_TEST

START_TEST(removing_follows_no_link)
{
    g_autofree char *path = below(UID);
    g_autofree char *kept = below("kept");
    g_autofree char *link = below(UID "/link");
    g_autofree char *file = below("kept/file");

    ck_assert(lull_folder_make(path, NULL) && lull_folder_make(kept, NULL));
    ck_assert(g_file_set_contents(file, "x", 1, NULL));
    ck_assert_int_eq(symlink(kept, link), 0);
    ck_assert(lull_folder_remove(path, NULL));
    ck_assert(lull_folder_remove(path, NULL));
    ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
    ck_assert(g_file_test(file, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(a_half_removed_folder_is_listed_and_removed)
{
    g_autofree char *content = below(UID);
    g_autofree char *half = below(UID ".removing");
    g_autofree char *attempt = below(UID ".attempt-2");
    g_autofree char *other = below("7f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f");
    g_autoptr(GPtrArray) all = NULL;

    ck_assert(lull_folder_make(content, NULL) && g_mkdir(half, 0700) == 0);
    ck_assert(lull_folder_make(attempt, NULL) && lull_folder_make(other, NULL));
    all = lull_folder_list(directory, UID);
    ck_assert_uint_eq(all->len, 3);
    for (guint i = 0; i < all->len; i++)
        ck_assert(lull_folder_remove(g_ptr_array_index(all, i), NULL));
    ck_assert(!g_file_test(half, G_FILE_TEST_EXISTS));
    ck_assert(g_file_test(other, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(a_written_file_is_read_back_and_private)
{
    g_autofree char *file = below("a.json");
    g_autoptr(LullJson) json = NULL;
    struct stat info;

    ck_assert(lull_folder_write(directory, "a.json", "{\"a\":1}", NULL));
    ck_assert(lull_folder_write(directory, "a.json", "{\"a\":2}", NULL));
    json = lull_folder_read_json(directory, "a.json", NULL);
    ck_assert_int_eq(lull_json_int(json, "a", 0), 2);
    ck_assert_int_eq(stat(file, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_file_that_is_not_an_object_is_an_error_that_names_it)
{
    static const char *const texts[] = {"", "[1]", "{", "7"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert(lull_folder_write(directory, "bad.json", texts[i], NULL));
        ck_assert_ptr_null(lull_folder_read_json(directory, "bad.json", &error));
        ck_assert_msg(strstr(error->message, "bad.json") != NULL, "%s", error->message);
    }
}
END_TEST

START_TEST(space_that_is_not_there_is_told_with_place_and_sizes)
{
    g_autoptr(GError) error = NULL;

    ck_assert(lull_folder_check_space(directory, 1, NULL));
    ck_assert(!lull_folder_check_space(directory, G_MAXUINT64, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_NO_SPACE));
    ck_assert_msg(g_str_is_ascii(error->message), "%s", error->message);
    ck_assert_msg(strstr(error->message, ": 16.0 EiB are needed, ") != NULL, "%s", error->message);
    ck_assert_msg(strstr(error->message, directory) != NULL, "%s", error->message);
}
END_TEST

START_TEST(the_sum_is_that_of_the_standard)
{
    g_autofree char *file = below("abc");
    g_autofree char *sum = NULL;

    ck_assert(g_file_set_contents(file, "abc", 3, NULL));
    sum = lull_folder_sha256(file, NULL, NULL);
    ck_assert_str_eq(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(a_sum_can_be_cancelled)
{
    g_autofree char *file = below("abc");
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_set_contents(file, "abc", 3, NULL));
    g_cancellable_cancel(cancel);
    ck_assert_ptr_null(lull_folder_sha256(file, cancel, &error));
    ck_assert(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/folder");
    TCase *cases = tcase_create("folder");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, only_a_uuid_names_a_folder);
    tcase_add_test(cases, making_a_folder_empties_what_an_earlier_try_left);
    tcase_add_test(cases, removing_follows_no_link);
    tcase_add_test(cases, a_half_removed_folder_is_listed_and_removed);
    tcase_add_test(cases, a_written_file_is_read_back_and_private);
    tcase_add_test(cases, a_file_that_is_not_an_object_is_an_error_that_names_it);
    tcase_add_test(cases, space_that_is_not_there_is_told_with_place_and_sizes);
    tcase_add_test(cases, the_sum_is_that_of_the_standard);
    tcase_add_test(cases, a_sum_can_be_cancelled);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
