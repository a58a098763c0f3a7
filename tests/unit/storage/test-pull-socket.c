/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/socket.h"

#include <glib/gstdio.h>

#include "coordinator/storage/folder.h"
#include "tests/lib/check-main.h"

#define UID "aaaaaaaa-0f0a-4f0e-9d0b-3a7a3c1d2e4f"

static const struct {
    const char *uri;
    int id;
    const char *name;
    const char *home; /* NULL: it cannot be told */
} homes[] = {
    {"qemu:///system", 3, "web", "/var/lib/libvirt/qemu/domain-3-web"},
    {"qemu+unix:///system?socket=/run/x/session", 3, "web", "/var/lib/libvirt/qemu/domain-3-web"},
    {"qemu:///session", 12, "web", "/c/libvirt/qemu/lib/domain-12-web"},
    {"qemu:///system", 1, "twenty-characters-and-more",
     "/var/lib/libvirt/qemu/domain-1-twenty-characters-an"},
    {"qemu:///system", 1,
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244z",
     "/var/lib/libvirt/qemu/domain-1-\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"},
    {"qemu:///system", -1, "off", NULL},
    {"qemu:///system", 1, "\377", NULL},
    {"test:///default", 1, "test", NULL},
    {"qemu:///embed?root=/system", 1, "web", NULL},
};

START_TEST(a_machine_that_runs_has_a_folder_by_number_and_name)
{
    g_autofree char *home = lull_pull_socket_home(homes[_i].uri, "/c", homes[_i].id, homes[_i].name);

    ck_assert_pstr_eq(home, homes[_i].home);
}
END_TEST

static void
make_folder(const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    ck_assert_int_eq(g_mkdir(path, 0700), 0);
}

static gboolean
is_there(const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    return g_file_test(path, G_FILE_TEST_IS_DIR);
}

START_TEST(of_a_content_one_attempts_folder_goes_or_all)
{
    g_autofree char *directory = g_dir_make_tmp("socket-XXXXXX", NULL);

    make_folder(directory, "3a7a3c1d2e4f-1.nbd");
    make_folder(directory, "3a7a3c1d2e4f-12.nbd");
    make_folder(directory, "3a7a3c1d2e4f-kept");
    make_folder(directory, "3a7a3c1d2e4e-1.nbd");
    lull_pull_socket_clear(directory, UID, 1);
    ck_assert(!is_there(directory, "3a7a3c1d2e4f-1.nbd") && is_there(directory, "3a7a3c1d2e4f-12.nbd"));
    lull_pull_socket_clear(directory, UID, 0);
    ck_assert(!is_there(directory, "3a7a3c1d2e4f-12.nbd"));
    ck_assert(is_there(directory, "3a7a3c1d2e4f-kept") && is_there(directory, "3a7a3c1d2e4e-1.nbd"));
    lull_folder_remove(directory, NULL);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/pull-socket");
    TCase *cases = tcase_create("pull-socket");

    tcase_add_loop_test(cases, a_machine_that_runs_has_a_folder_by_number_and_name, 0, G_N_ELEMENTS(homes));
    tcase_add_test(cases, of_a_content_one_attempts_folder_goes_or_all);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
