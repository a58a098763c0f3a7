/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>

#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/libvirt-backup.h"
#include "tests/lib/check-main.h"

#define UID  "6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define GONE "dbf88f9f-5838-45bb-9799-33a82fdb7ad1" /* a machine that libvirt's mock host does not have */

START_TEST(what_is_lost_is_written_down_and_leaves_no_scratch_behind)
{
    g_autofree char *directory = g_dir_make_tmp("lull-poll-XXXXXX", NULL);
    g_autofree char *folder = lull_folder_path(directory, UID, 1, NULL);
    g_autofree char *scratch = g_build_filename(folder, "vda.scratch", NULL);
    g_autoptr(LullHost) host = lull_host_open("test:///default", NULL);
    g_autoptr(LullStorage) storage = lull_storage_libvirt_new(host, directory, NULL);
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};
    g_autoptr(LullJson) attempt = NULL;

    ck_assert(lull_folder_make(folder, NULL));
    ck_assert(lull_folder_write(folder, LULL_FOLDER_ATTEMPT,
                                "{\"vm\": \"" GONE "\", \"volumes\": [{\"name\": \"vda\"}]}", NULL));
    ck_assert(g_file_set_contents(scratch, "x", 1, NULL));
    ck_assert(lull_backup_poll(storage, GONE, UID, 1, &progress, NULL));
    ck_assert_int_eq(progress.state, LULL_COPY_FAILED);
    attempt = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, NULL);
    ck_assert(lull_json_bool(attempt, "failed", FALSE));
    ck_assert_str_eq(lull_json_string(attempt, "problem", ""), progress.problem);
    ck_assert(!g_file_test(scratch, G_FILE_TEST_EXISTS));
    lull_folder_remove(directory, NULL);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/poll");
    TCase *cases = tcase_create("poll");

    tcase_add_test(cases, what_is_lost_is_written_down_and_leaves_no_scratch_behind);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
