/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Looking through stored contents, with real images. */

#include <string.h>
#include <unistd.h>

#include "coordinator/storage/merge.h"
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

START_TEST(what_is_found_is_bounded_and_the_rest_is_counted)
{
    g_autofree char *folder = g_build_filename(directory, LAST, NULL);
    g_autoptr(LullJson) result = NULL;

    for (guint i = 0; i < 150; i++) {
        g_autofree char *path = g_strdup_printf("%s/stranger-%u", folder, i);

        ck_assert(g_file_set_contents(path, "", 0, NULL));
    }
    result = verify(LAST);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(result, "findings")), 100);
    ck_assert_int_eq(lull_json_int(result, "omitted", -1), 50);
}
END_TEST

START_TEST(what_a_killed_write_has_left_is_ours)
{
    g_autofree char *path = g_build_filename(directory, LAST, "manifest.json.new", NULL);
    g_autoptr(LullJson) result = NULL;

    ck_assert(g_file_set_contents(path, "{", 1, NULL));
    result = verify(LAST);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(result, "findings")), 0);
}
END_TEST

START_TEST(what_is_being_deleted_is_not_accused)
{
    g_autofree char *folder = g_build_filename(directory, FULL, NULL);
    g_autofree char *path = g_build_filename(folder, "vda.qcow2", NULL);
    g_autoptr(GError) error = NULL;
    LullJson *result = NULL;

    ck_assert(lull_merge_mark(folder, NULL));
    content_write(path, 'b', 2, 3); /* its child's data have come in */
    ck_assert(!storage->ops->verify(storage, FULL, NULL, &result, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "being deleted"));
}
END_TEST

static gboolean
check(const char *uid, GPtrArray **ret_volumes, GError **error)
{
    return storage->ops->check(storage, uid, ret_volumes, error);
}

START_TEST(a_volume_that_is_gone_is_named)
{
    g_autofree char *path = g_build_filename(directory, FULL, "vda.qcow2", NULL);
    g_autoptr(GPtrArray) volumes = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert(check(LAST, &volumes, NULL));
    ck_assert_ptr_null(volumes);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert(!check(LAST, &volumes, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_NOT_FOUND));
    ck_assert_uint_eq(volumes->len, 1);
    ck_assert_str_eq(volumes->pdata[0], "vda");
}
END_TEST

START_TEST(a_content_that_is_gone_names_no_volume)
{
    g_autoptr(GPtrArray) volumes = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert(!check(VM, &volumes, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_NOT_FOUND));
    ck_assert_uint_eq(volumes->len, 0);
}
END_TEST

typedef struct {
    gint done;
    guint looks;
    char *problem;
} Watcher;

/* Looks as fast as it can. */
static gpointer
watch(gpointer data)
{
    Watcher *self = data;

    while (!self->problem && !g_atomic_int_get(&self->done)) {
        g_autoptr(GError) error = NULL;

        if (!check(LAST, NULL, &error))
            self->problem = g_strdup(error->message);
        self->looks++;
    }
    return NULL;
}

START_TEST(nothing_is_accused_while_what_it_is_based_on_is_merged)
{
    Watcher watcher = {0};
    GThread *thread = g_thread_new("watch", watch, &watcher);
    const gboolean removed = storage->ops->remove(storage, NULL, FULL, 0, NULL, NULL) &&
                             storage->ops->remove(storage, NULL, MIDDLE, 0, NULL, NULL);

    g_atomic_int_set(&watcher.done, 1);
    g_thread_join(thread);
    ck_assert(removed);
    ck_assert_msg(!watcher.problem, "%s", watcher.problem);
    ck_assert_uint_gt(watcher.looks, 0);
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
    tcase_add_test(cases, what_is_found_is_bounded_and_the_rest_is_counted);
    tcase_add_test(cases, what_a_killed_write_has_left_is_ours);
    tcase_add_test(cases, what_is_being_deleted_is_not_accused);
    tcase_add_test(cases, a_volume_that_is_gone_is_named);
    tcase_add_test(cases, a_content_that_is_gone_names_no_volume);
    tcase_add_test(cases, nothing_is_accused_while_what_it_is_based_on_is_merged);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
