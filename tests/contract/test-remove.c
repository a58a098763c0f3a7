/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Removing contents that others are based on, and adding to them, with real images. */

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/lineage.h"
#include "protocol/error.h"
#include "tests/lib/chain.h"

#define DOMAIN "6695eb01-f6a4-8304-79aa-97f2502e193f" /* the one that libvirt's test driver has */

static gboolean
remove_content(const char *uid, GError **error)
{
    return storage->ops->remove(storage, NULL, uid, 0, NULL, error);
}

static void
expect_shown(const char *uid, const char *clusters)
{
    g_autofree char *path = g_build_filename(directory, uid, "vda.qcow2", NULL);

    for (guint i = 0; i < strlen(clusters); i++)
        content_expect(path, clusters[i], i);
}

static char *
manifest_of(const char *name)
{
    return g_build_filename(directory, name, LULL_FOLDER_MANIFEST, NULL);
}

/* LAST shows what it did, and FULL is removed, with nothing that it needs. */
static void
expect_full_goes_well(void)
{
    g_autoptr(GError) error = NULL;

    expect_shown(MIDDLE, "aabbbaaa");
    ck_assert_msg(remove_content(FULL, &error), "%s", error ? error->message : "");
    expect_shown(MIDDLE, "aabbbaaa");
    expect_shown(LAST, "aabbccaa");
}

START_TEST(what_is_based_on_it_takes_over)
{
    g_autofree char *folder = g_build_filename(directory, FULL, NULL);

    expect_full_goes_well();
    ck_assert(!g_file_test(folder, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(nothing_is_taken_from_a_child_that_cannot_be_read_just_now)
{
    g_autofree char *path = manifest_of(MIDDLE);
    g_autofree char *aside = g_strconcat(path, ".aside", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(g_rename(path, aside), 0);
    ck_assert_int_eq(g_mkdir(path, 0700), 0);
    ck_assert(!remove_content(FULL, &error));
    ck_assert_ptr_nonnull(strstr(error->message, MIDDLE));
    ck_assert_int_eq(g_rmdir(path), 0);
    ck_assert_int_eq(g_rename(aside, path), 0);
    expect_full_goes_well();
}
END_TEST

START_TEST(one_that_cannot_be_read_just_now_stays)
{
    g_autofree char *path = manifest_of(FULL);
    g_autofree char *aside = g_strconcat(path, ".aside", NULL);

    ck_assert_int_eq(g_rename(path, aside), 0);
    ck_assert_int_eq(g_mkdir(path, 0700), 0);
    ck_assert(!remove_content(FULL, NULL));
    ck_assert_int_eq(g_rmdir(path), 0);
    ck_assert_int_eq(g_rename(aside, path), 0);
    expect_full_goes_well();
}
END_TEST

START_TEST(one_with_a_damaged_manifest_keeps_what_its_child_needs)
{
    g_autofree char *folder = g_build_filename(directory, FULL, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, "{", NULL));
    ck_assert(!remove_content(FULL, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    expect_shown(LAST, "aabbccaa");
}
END_TEST

START_TEST(of_two_children_none_loses_what_it_needs)
{
    g_autoptr(GError) error = NULL;

    content_store(directory, VM, FULL, VM, "d", "/i", 'd', 0, 1);
    ck_assert(!remove_content(FULL, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "delete one of the two first"));
    expect_shown(LAST, "aabbccaa");
    expect_shown(VM, "daaaaaaa");
    ck_assert(remove_content(VM, NULL));
    expect_full_goes_well();
}
END_TEST

/* LAST as it is before it is sealed. */
static void
unseal(void)
{
    g_autofree char *sealed = g_build_filename(directory, LAST, NULL);
    g_autofree char *attempt = g_build_filename(directory, LAST ".attempt-1", NULL);

    ck_assert_int_eq(g_rename(sealed, attempt), 0);
}

START_TEST(it_stays_while_an_attempt_is_based_on_it)
{
    g_autoptr(GError) error = NULL;

    unseal();
    ck_assert(!remove_content(MIDDLE, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_BUSY));
    expect_shown(LAST ".attempt-1", "aabbccaa");
}
END_TEST

START_TEST(an_attempt_whose_data_cannot_go_yet_is_nobodys_child)
{
    g_autofree char *folder = g_build_filename(directory, LAST ".attempt-1", NULL);
    g_autofree char *manifest = g_build_filename(folder, LULL_FOLDER_MANIFEST, NULL);
    g_autofree char *description = g_build_filename(folder, LULL_FOLDER_ATTEMPT, NULL);

    unseal();
    ck_assert_int_eq(g_rename(manifest, description), 0);
    ck_assert(!storage->ops->remove(storage, DOMAIN, LAST, 1, NULL, NULL)); /* no backup jobs there */
    g_autoptr(GPtrArray) members = lull_lineage_read(directory, VM, NULL);
    ck_assert_ptr_null(lull_lineage_child(members, MIDDLE));
    ck_assert(!lull_lineage_is_being_made(members, FULL));
}
END_TEST

START_TEST(long_work_on_what_is_stored_delays_no_new_one)
{
    LullBackupStorage *self = (LullBackupStorage *)storage;
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GError) error = NULL;

    unseal();
    ck_assert(lull_chain_lock(self->chains, VM, 0, NULL, NULL)); /* it is merged, restored, verified */
    g_cancellable_cancel(cancel);                                /* does not wait */
    ck_assert_msg(storage->ops->seal(storage, LAST, 1, NULL, cancel, &error), "%s",
                  error ? error->message : "");
    ck_assert(!remove_content(MIDDLE, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_BUSY));
    lull_chain_unlock(self->chains, VM);
}
END_TEST

START_TEST(one_that_is_interrupted_loses_nothing_and_goes_on)
{
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GError) error = NULL;

    g_cancellable_cancel(cancel);
    ck_assert(!storage->ops->remove(storage, NULL, FULL, 0, cancel, &error));
    ck_assert(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
    expect_shown(LAST, "aabbccaa");
    expect_full_goes_well();
}
END_TEST

/* The same contents on a file system of their own, which is full. */
static void
fill_up(void)
{
    g_autofree char *filler = g_build_filename(directory, "filler", NULL);
    char page[4096] = {0};
    FILE *file;

    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("none", directory, "tmpfs", 0, "size=8m"), 0);
    store_chain();
    file = fopen(filler, "w");
    ck_assert_ptr_nonnull(file);
    setbuf(file, NULL);
    while (fwrite(page, sizeof page, 1, file) == 1)
        ;
    ck_assert_int_eq(errno, ENOSPC);
    (void)fclose(file);
}

static void
make_room(off_t bytes)
{
    g_autofree char *filler = g_build_filename(directory, "filler", NULL);
    struct stat info;

    ck_assert_int_eq(stat(filler, &info), 0);
    ck_assert_int_eq(truncate(filler, info.st_size - bytes), 0);
}

START_TEST(the_newest_makes_room_on_a_full_disk)
{
    g_autoptr(GError) error = NULL;

    fill_up();
    ck_assert_msg(remove_content(LAST, &error), "%s", error ? error->message : "");
    expect_shown(MIDDLE, "aabbbaaa");
    ck_assert_int_eq(umount2(directory, MNT_DETACH), 0);
}
END_TEST

/* Rooms in which nothing can be said, only that it goes, and all but the merge. */
static const off_t rooms[] = {0, 4096, 16384};

START_TEST(a_merge_that_finds_no_room_loses_nothing_and_goes_on)
{
    g_autoptr(GError) error = NULL;

    fill_up();
    make_room(rooms[_i]);
    ck_assert(!remove_content(MIDDLE, &error));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_NO_SPACE), "%s", error->message);
    expect_shown(LAST, "aabbccaa");
    make_room(1024 * 1024);
    g_clear_error(&error);
    ck_assert_msg(remove_content(MIDDLE, &error), "%s", error ? error->message : "");
    expect_shown(LAST, "aabbccaa");
    ck_assert_int_eq(umount2(directory, MNT_DETACH), 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("remove");
    TCase *cases = tcase_create("remove");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, what_is_based_on_it_takes_over);
    tcase_add_test(cases, nothing_is_taken_from_a_child_that_cannot_be_read_just_now);
    tcase_add_test(cases, one_that_cannot_be_read_just_now_stays);
    tcase_add_test(cases, one_with_a_damaged_manifest_keeps_what_its_child_needs);
    tcase_add_test(cases, of_two_children_none_loses_what_it_needs);
    tcase_add_test(cases, it_stays_while_an_attempt_is_based_on_it);
    tcase_add_test(cases, an_attempt_whose_data_cannot_go_yet_is_nobodys_child);
    tcase_add_test(cases, long_work_on_what_is_stored_delays_no_new_one);
    tcase_add_test(cases, one_that_is_interrupted_loses_nothing_and_goes_on);
    tcase_add_test(cases, the_newest_makes_room_on_a_full_disk);
    tcase_add_loop_test(cases, a_merge_that_finds_no_room_loses_nothing_and_goes_on, 0, G_N_ELEMENTS(rooms));
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
