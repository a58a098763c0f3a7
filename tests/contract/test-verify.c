/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Looking through stored contents, with real images. */

#include <string.h>

#include "protocol/error.h"
#include "tests/lib/chain.h"

static LullJson *
verify(const char *uid)
{
    g_autoptr(GError) error = NULL;
    LullJson *result = NULL;

    ck_assert_msg(storage->ops->verify(storage, uid, NULL, &result, &error), "%s",
                  error ? error->message : "");
    return result;
}

/* One finding, about @part of a path. */
static void
expect_finding(const char *uid, const char *part, const char *problem)
{
    g_autoptr(LullJson) result = verify(uid);
    LullJson *findings = lull_json_array(result, "findings");
    LullJson *finding = json_object_array_get_idx(findings, 0);

    ck_assert_msg(json_object_array_length(findings) == 1, "%s", lull_json_to_line(result));
    ck_assert_ptr_nonnull(strstr(lull_json_string(finding, "file", ""), part));
    ck_assert_msg(strstr(lull_json_string(finding, "problem", ""), problem) != NULL, "%s",
                  lull_json_to_line(result));
}

START_TEST(a_chain_that_is_whole_has_no_findings)
{
    g_autoptr(LullJson) result = verify(LAST);

    ck_assert_uint_eq(json_object_array_length(lull_json_array(result, "findings")), 0);
    ck_assert_int_eq(lull_json_int(result, "files", 0), 3);
}
END_TEST

START_TEST(a_damage_of_what_it_is_based_on_is_found)
{
    g_autofree char *path = g_build_filename(directory, FULL, "vda.qcow2", NULL);

    content_write(path, 'x', 0, 1);
    expect_finding(LAST, path, "data are not what was stored");
}
END_TEST

START_TEST(a_missing_parent_is_found)
{
    g_autofree char *path = g_build_filename(directory, MIDDLE, NULL);

    ck_assert(lull_folder_remove(path, NULL));
    expect_finding(LAST, LAST, "based on is missing");
}
END_TEST

START_TEST(a_file_of_others_is_found)
{
    g_autofree char *folder = g_build_filename(directory, LAST, NULL);

    ck_assert(lull_folder_write(folder, "stranger", "", NULL));
    expect_finding(LAST, "stranger", "nobody here");
}
END_TEST

START_TEST(a_file_whose_name_is_no_text_is_found_and_can_be_told)
{
    g_autofree char *folder = g_build_filename(directory, LAST, NULL);

    ck_assert(lull_folder_write(folder, "strange\xff", "", NULL));
    g_autoptr(LullJson) result = verify(LAST);
    g_autoptr(LullJson) told = lull_json_parse(lull_json_to_line(result), -1, NULL);
    ck_assert_ptr_nonnull(told);
    expect_finding(LAST, "strange", "nobody here");
}
END_TEST

START_TEST(another_chain_in_the_manifest_than_in_the_image_is_found)
{
    g_autofree char *folder = g_build_filename(directory, LAST, NULL);
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);

    lull_json_set_string(manifest, "parent", FULL);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, lull_json_to_line(manifest), NULL));
    expect_finding(LAST, "vda.qcow2", "another image than its manifest says");
}
END_TEST

START_TEST(a_content_that_is_gone_is_a_finding)
{
    expect_finding(VM, VM, "");
}
END_TEST

START_TEST(one_that_is_cancelled_says_nothing)
{
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    LullJson *result = NULL;

    g_cancellable_cancel(cancel);
    ck_assert(!storage->ops->verify(storage, LAST, cancel, &result, &error));
    ck_assert_ptr_null(result);
    ck_assert(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("verify");
    TCase *cases = tcase_create("verify");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_chain_that_is_whole_has_no_findings);
    tcase_add_test(cases, a_damage_of_what_it_is_based_on_is_found);
    tcase_add_test(cases, a_missing_parent_is_found);
    tcase_add_test(cases, a_file_of_others_is_found);
    tcase_add_test(cases, a_file_whose_name_is_no_text_is_found_and_can_be_told);
    tcase_add_test(cases, another_chain_in_the_manifest_than_in_the_image_is_found);
    tcase_add_test(cases, a_content_that_is_gone_is_a_finding);
    tcase_add_test(cases, one_that_is_cancelled_says_nothing);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
