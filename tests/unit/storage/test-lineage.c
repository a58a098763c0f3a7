/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/lineage.h"

#include <glib/gstdio.h>
#include <string.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/merge.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define A  "aaaaaaaa-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define B  "bbbbbbbb-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define C  "cccccccc-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define VM "dddddddd-0f0a-4f0e-9d0b-3a7a3c1d2e4f"

static char *directory;

static void
set_up(void)
{
    directory = g_dir_make_tmp("lineage-XXXXXX", NULL);
}

static void
tear_down(void)
{
    lull_folder_remove(directory, NULL);
    g_clear_pointer(&directory, g_free);
}

/* Of two volumes; vdb is always whole. */
static void
store(const char *name, const char *file, const char *parent)
{
    g_autofree char *folder = g_build_filename(directory, name, NULL);
    g_autofree char *based = parent ? g_strdup_printf("\"parent\":\"%s\",", parent) : g_strdup("");
    g_autofree char *sum = g_strnfill(64, *name);
    g_autofree char *text = g_strdup_printf(
        "{\"version\":1,\"vm\":\"" VM "\",\"domain\":\"d\",%s\"checkpoint\":\"lull-%s-1\",\"volumes\":["
        "{\"name\":\"vda\",\"file\":\"vda.qcow2\",\"copy\":\"%s\",\"sourcePath\":\"/"
        "a\",\"sourceFormat\":\"raw\","
        "\"capacity\":5,\"size\":5,\"sha256\":\"%s\"},{\"name\":\"vdb\",\"file\":\"vdb.qcow2\",\"copy\":"
        "\"full\","
        "\"sourcePath\":\"/b\",\"sourceFormat\":\"raw\",\"capacity\":5,\"size\":5,\"sha256\":\"%s\"}]}",
        based, name, parent ? "incremental" : "full", sum, sum);

    ck_assert(lull_folder_make(folder, NULL));
    ck_assert(lull_folder_write(folder, file, text, NULL));
}

static void
store_chain(void)
{
    store(A, LULL_FOLDER_MANIFEST, NULL);
    store(B, LULL_FOLDER_MANIFEST, A);
    store(C, LULL_FOLDER_MANIFEST, B);
}

static void
mark(const char *uid)
{
    g_autofree char *folder = g_build_filename(directory, uid, NULL);

    ck_assert(lull_merge_mark(folder, NULL));
}

/* What @content_uid is to be based on, where those of @uids have their checkpoints. */
static void
expect_leaf_for(const char *content_uid, const char *const *uids, const char *expected)
{
    g_autoptr(GPtrArray) members = lull_lineage_read(directory, VM, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const LullMember *leaf;

    for (; *uids; uids++)
        g_ptr_array_add(names, g_strdup_printf("lull-%s-1", *uids));
    leaf = lull_lineage_leaf(members, names, content_uid);
    ck_assert_pstr_eq(leaf ? leaf->uid : NULL, expected);
}

static void
expect_leaf(const char *const *uids, const char *expected)
{
    expect_leaf_for(VM, uids, expected);
}

START_TEST(a_chain_is_known_by_its_manifests)
{
    store_chain();
    g_autoptr(GPtrArray) members = lull_lineage_read(directory, VM, NULL);

    ck_assert_uint_eq(members->len, 3);
    ck_assert_uint_eq(lull_lineage_length(members, C), 3);
    ck_assert_uint_eq(lull_lineage_length(members, A), 1);
    ck_assert_str_eq(lull_lineage_child(members, A)->uid, B);
    ck_assert_ptr_null(lull_lineage_child(members, C));
}
END_TEST

START_TEST(another_machine_has_no_part_in_it)
{
    store_chain();
    g_autoptr(GPtrArray) members = lull_lineage_read(directory, A, NULL);

    ck_assert_uint_eq(members->len, 0);
}
END_TEST

START_TEST(a_chain_with_a_gap_or_a_circle_has_no_length)
{
    store(B, LULL_FOLDER_MANIFEST, A);
    g_autoptr(GPtrArray) gap = lull_lineage_read(directory, VM, NULL);
    ck_assert_uint_eq(lull_lineage_length(gap, B), 0);

    store(A, LULL_FOLDER_MANIFEST, B);
    g_autoptr(GPtrArray) circle = lull_lineage_read(directory, VM, NULL);
    ck_assert_uint_eq(lull_lineage_length(circle, B), 0);
}
END_TEST

START_TEST(the_next_is_based_on_the_last_whose_checkpoint_is_there)
{
    store_chain();
    expect_leaf((const char *const[]){C, NULL}, C);
    expect_leaf((const char *const[]){B, C, NULL}, C);
    expect_leaf((const char *const[]){B, NULL}, NULL); /* C is based on it already */
    expect_leaf((const char *const[]){VM, NULL}, NULL);
    mark(C);
    expect_leaf((const char *const[]){C, NULL}, NULL);
}
END_TEST

START_TEST(an_attempt_is_a_child_but_no_parent)
{
    store(A, LULL_FOLDER_MANIFEST, NULL);
    store(B ".attempt-1", LULL_FOLDER_ATTEMPT, A);
    g_autoptr(GPtrArray) members = lull_lineage_read(directory, VM, NULL);

    ck_assert(lull_lineage_child(members, A)->attempt);
    ck_assert_ptr_null(lull_lineage_find(members, B));
}
END_TEST

START_TEST(no_second_one_is_based_on_what_an_attempt_is_based_on)
{
    store(A, LULL_FOLDER_MANIFEST, NULL);
    store(B ".attempt-1", LULL_FOLDER_ATTEMPT, A);
    g_autoptr(GPtrArray) members = lull_lineage_read(directory, VM, NULL);

    expect_leaf_for(C, (const char *const[]){A, B, NULL}, NULL);
    expect_leaf_for(B, (const char *const[]){A, B, NULL}, A); /* its own next attempt */
    ck_assert(lull_lineage_is_being_made(members, C));
    ck_assert(!lull_lineage_is_being_made(members, B));
}
END_TEST

START_TEST(two_that_are_based_on_one_are_seen)
{
    store(A, LULL_FOLDER_MANIFEST, NULL);
    store(B, LULL_FOLDER_MANIFEST, A);
    g_autoptr(GPtrArray) one = lull_lineage_read(directory, VM, NULL);
    ck_assert(lull_lineage_is_line(one, A));

    store(C, LULL_FOLDER_MANIFEST, A);
    g_autoptr(GPtrArray) two = lull_lineage_read(directory, VM, NULL);
    ck_assert(!lull_lineage_is_line(two, A));
}
END_TEST

START_TEST(what_cannot_be_read_just_now_is_not_taken_for_nothing)
{
    g_autofree char *path = g_build_filename(directory, B, LULL_FOLDER_MANIFEST, NULL);
    g_autoptr(GError) error = NULL;

    store(A, LULL_FOLDER_MANIFEST, NULL);
    store(B, LULL_FOLDER_MANIFEST, A);
    ck_assert_int_eq(g_unlink(path), 0);
    ck_assert_int_eq(g_mkdir(path, 0700), 0); /* it is there, and reading it fails */
    ck_assert_ptr_null(lull_lineage_read(directory, VM, &error));
    ck_assert_ptr_nonnull(strstr(error->message, B));
}
END_TEST

START_TEST(a_manifest_that_means_nothing_stands_in_nobodys_way)
{
    g_autofree char *folder = g_build_filename(directory, B, NULL);

    store_chain();
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, "{", NULL));
    g_autoptr(GPtrArray) members = lull_lineage_read(directory, VM, NULL);
    ck_assert_uint_eq(members->len, 2);
}
END_TEST

START_TEST(an_attempt_that_failed_is_nobodys_child)
{
    store(A, LULL_FOLDER_MANIFEST, NULL);
    store(B ".attempt-1", LULL_FOLDER_ATTEMPT, A);
    g_autofree char *folder = g_build_filename(directory, B ".attempt-1", NULL);
    g_autoptr(LullJson) attempt = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, NULL);

    lull_json_set_bool(attempt, "failed", TRUE);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), NULL));
    g_autoptr(GPtrArray) members = lull_lineage_read(directory, VM, NULL);
    ck_assert_ptr_null(lull_lineage_child(members, A));
}
END_TEST

START_TEST(a_chain_that_goes_as_a_whole_is_known_by_its_end)
{
    store_chain();
    mark(A);
    mark(B);
    g_autoptr(GPtrArray) some = lull_lineage_read(directory, VM, NULL);
    ck_assert(!lull_lineage_all_removing(some, A));

    mark(C);
    g_autoptr(GPtrArray) all = lull_lineage_read(directory, VM, NULL);
    ck_assert(lull_lineage_all_removing(all, A));
}
END_TEST

START_TEST(a_content_needs_its_own_files_and_those_behind_them)
{
    store_chain();
    g_autofree char *folder = g_build_filename(directory, C, NULL);
    g_autofree char *last = g_build_filename(directory, A, "vda.qcow2", NULL);
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);
    g_autoptr(GPtrArray) files = lull_lineage_files(directory, C, manifest, NULL);
    const LullStoredFile *third;

    ck_assert_uint_eq(files->len, 4); /* vda of C, B, A; vdb of C */
    third = files->pdata[2];
    ck_assert_str_eq(third->path, last);
    ck_assert_int_eq(third->sha256[0], 'a');
    ck_assert(!third->unsettled);
}
END_TEST

START_TEST(a_missing_parent_is_told)
{
    store(B, LULL_FOLDER_MANIFEST, A);
    g_autofree char *folder = g_build_filename(directory, B, NULL);
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_lineage_files(directory, B, manifest, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "based on is missing"));
}
END_TEST

START_TEST(what_is_being_merged_is_expected_in_neither_size)
{
    store_chain();
    g_autofree char *middle = g_build_filename(directory, B, NULL);
    g_autofree char *folder = g_build_filename(directory, C, NULL);
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);
    ck_assert(lull_folder_write(middle, "removal.json", "{\"heir\":\"" C "\"}", NULL));
    g_autoptr(GPtrArray) files = lull_lineage_files(directory, C, manifest, NULL);

    ck_assert_uint_eq(files->len, 3); /* B's is read by nobody any more */
    ck_assert(((LullStoredFile *)files->pdata[0])->unsettled);
    ck_assert(!((LullStoredFile *)files->pdata[1])->unsettled);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/lineage");
    TCase *cases = tcase_create("lineage");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_chain_is_known_by_its_manifests);
    tcase_add_test(cases, another_machine_has_no_part_in_it);
    tcase_add_test(cases, a_chain_with_a_gap_or_a_circle_has_no_length);
    tcase_add_test(cases, the_next_is_based_on_the_last_whose_checkpoint_is_there);
    tcase_add_test(cases, an_attempt_is_a_child_but_no_parent);
    tcase_add_test(cases, no_second_one_is_based_on_what_an_attempt_is_based_on);
    tcase_add_test(cases, two_that_are_based_on_one_are_seen);
    tcase_add_test(cases, what_cannot_be_read_just_now_is_not_taken_for_nothing);
    tcase_add_test(cases, a_manifest_that_means_nothing_stands_in_nobodys_way);
    tcase_add_test(cases, an_attempt_that_failed_is_nobodys_child);
    tcase_add_test(cases, a_chain_that_goes_as_a_whole_is_known_by_its_end);
    tcase_add_test(cases, a_content_needs_its_own_files_and_those_behind_them);
    tcase_add_test(cases, a_missing_parent_is_told);
    tcase_add_test(cases, what_is_being_merged_is_expected_in_neither_size);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
