/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Restores of a stored content, with real images, onto the one domain of libvirt's own mock driver. */

#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/guest/host.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/libvirt-backup.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"
#include "tests/lib/sealed.h"

#define URI     "test:///default"
#define CONTENT "6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define RESTORE "0a9cf0a8-2cb4-4a3e-8b8f-64d2f0b6a001"
#define BYTES   (64 * 1024)

static char *directory;
static char *folder; /* of the content */
static char *image;  /* the domain's; raw */
static char uuid[VIR_UUID_STRING_BUFLEN];
static LullHost *host;
static LullStorage *storage;
static virConnectPtr connection;
static virDomainPtr domain;
static char *defined; /* the XML that was defined last */
static gboolean refuses;

/* In libvirt's place, in this program. */
virDomainPtr
virDomainDefineXML(virConnectPtr to, const char *xml)
{
    virDomainPtr (*define)(virConnectPtr, const char *) =
        (virDomainPtr(*)(virConnectPtr, const char *))dlsym(RTLD_NEXT, "virDomainDefineXML");

    g_free(defined);
    defined = g_strdup(xml);
    return refuses ? NULL : define(to, xml);
}

static void
fill(const char *path, char byte)
{
    g_autofree char *data = g_malloc(BYTES);

    memset(data, byte, BYTES);
    ck_assert(g_file_set_contents(path, data, BYTES, NULL));
}

static gboolean
is_filled_with(const char *path, char byte)
{
    g_autofree char *data = NULL;
    gsize length = 0;

    ck_assert(g_file_get_contents(path, &data, &length, NULL));
    ck_assert_uint_eq(length, BYTES);
    for (gsize i = 0; i < length; i++)
        if (data[i] != byte)
            return FALSE;
    return TRUE;
}

/* A content of one volume, full of @byte. */
static void
store_content(char byte)
{
    g_autofree char *plain = g_build_filename(directory, "plain", NULL);
    g_autofree char *stored = g_build_filename(folder, "vda.qcow2", NULL);
    g_autofree char *text = NULL;
    g_autofree char *sum = NULL;
    const char *const argv[] = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", plain, stored, NULL};
    struct stat info;
    char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);

    ck_assert(lull_folder_make(folder, NULL));
    fill(plain, byte);
    ck_assert(
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    ck_assert_int_eq(stat(stored, &info), 0);
    sum = lull_folder_sha256(stored, NULL, NULL);
    text = g_strdup_printf("{\"version\":1,\"vm\":\"%s\",\"domain\":\"test\",\"volumes\":[{\"name\":\"vda\","
                           "\"file\":\"vda.qcow2\",\"sourcePath\":\"%s\",\"sourceFormat\":\"raw\","
                           "\"capacity\":%d,\"size\":%ld,\"sha256\":\"%s\"}]}",
                           uuid, image, BYTES, (long)info.st_size, sum);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, text, NULL));
    ck_assert(lull_folder_write(folder, LULL_FOLDER_DOMAIN, xml, NULL));
    seal_others(folder);
    free(xml);
}

static void
set_up(void)
{
    g_autoptr(GError) error = NULL;

    directory = g_dir_make_tmp("restore-XXXXXX", NULL);
    folder = g_build_filename(directory, CONTENT, NULL);
    image = g_build_filename(directory, "disk.img", NULL);
    host = lull_host_open(URI, &error);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    storage = lull_storage_libvirt_new(host, directory, &error);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    connection = virConnectOpen(URI);
    domain = virDomainLookupByName(connection, "test");
    ck_assert_int_eq(virDomainGetUUIDString(domain, uuid), 0);
    store_content('s');
    fill(image, 'o');
}

static void
tear_down(void)
{
    virDomainFree(domain);
    virConnectClose(connection);
    lull_storage_free(storage);
    lull_host_free(host);
    lull_folder_remove(directory, NULL);
    g_free(directory);
    g_free(folder);
    g_free(image);
    g_clear_pointer(&defined, g_free);
}

static gboolean
restore(GError **error)
{
    return storage->ops->restore(storage, CONTENT, uuid, RESTORE, NULL, NULL, NULL, error);
}

static void
check_refused(int code, const char *part)
{
    g_autoptr(GError) error = NULL;

    ck_assert(!restore(&error));
    ck_assert_msg(lull_error_is(error, code), "%s", error->message);
    ck_assert_msg(strstr(error->message, part) != NULL, "%s", error->message);
    ck_assert(is_filled_with(image, 'o'));
}

START_TEST(a_stopped_machine_gets_what_was_stored)
{
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(virDomainDestroy(domain), 0);
    ck_assert_msg(restore(&error), "%s", error ? error->message : "");
    ck_assert(is_filled_with(image, 's'));
}
END_TEST

START_TEST(a_running_machine_keeps_what_it_has)
{
    check_refused(LULL_ERROR_BUSY, "it runs");
}
END_TEST

START_TEST(a_machine_with_a_saved_state_keeps_what_it_has)
{
    ck_assert_int_eq(virDomainManagedSave(domain, 0), 0);
    check_refused(LULL_ERROR_INVALID, "saved state");
}
END_TEST

START_TEST(a_damaged_snapshot_is_refused_for_good)
{
    g_autofree char *stored = g_build_filename(folder, "vda.qcow2", NULL);

    ck_assert_int_eq(virDomainDestroy(domain), 0);
    fill(stored, 'x');
    check_refused(LULL_ERROR_INVALID, "damaged");
}
END_TEST

#define MARK "<lull:restored xmlns:lull=\"https://lull.dev/restored/1\"/>"

/* What the stored definition says of it is about a restore before. */
static void
store_claim(const char *level, gboolean marked)
{
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);
    g_autofree char *path = g_build_filename(folder, LULL_FOLDER_DOMAIN, NULL);
    g_autofree char *xml = NULL;
    g_auto(GStrv) parts = NULL;
    g_autofree char *with = NULL;

    lull_json_set_string(lull_json_ensure(manifest, "report"), "level", level);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, lull_json_to_line(manifest), NULL));
    ck_assert(g_file_get_contents(path, &xml, NULL, NULL));
    parts = g_strsplit(xml, "</domain>", 2);
    with = g_strjoinv("<metadata>" MARK "</metadata></domain>", parts);
    if (marked)
        ck_assert(lull_folder_write(folder, LULL_FOLDER_DOMAIN, with, NULL));
    seal_others(folder);
}

/* One that stops right after it was defined, before anything else is done, must not be taken for one at rest.
 */
START_TEST(a_definition_says_what_may_be_claimed_of_the_disks_that_it_comes_with)
{
    const gboolean rested = (_i & 1) != 0;

    store_claim(rested ? "stopped" : "crash", (_i & 2) != 0);
    ck_assert_int_eq(virDomainDestroy(domain), 0);
    if (_i & 4)
        ck_assert_int_eq(virDomainUndefine(domain), 0);
    ck_assert(restore(NULL));
    ck_assert_msg((strstr(defined, MARK) != NULL) == !rested, "%s", defined);
}
END_TEST

START_TEST(a_restore_that_is_done_is_never_done_again)
{
    ck_assert_int_eq(virDomainDestroy(domain), 0);
    ck_assert(restore(NULL));
    fill(image, 'n');
    ck_assert(restore(NULL));
    ck_assert(is_filled_with(image, 'n'));
}
END_TEST

static void
make_incremental(void)
{
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);

    lull_json_set_string(manifest, "checkpoint", "lull-" CONTENT "-1");
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, lull_json_to_line(manifest), NULL));
}

static gboolean
remove_content(GError **error)
{
    return storage->ops->remove(storage, NULL, CONTENT, 0, NULL, error);
}

/* Its images are those of the snapshot, and its definition is not yet. */
START_TEST(what_a_restore_has_begun_to_put_in_place_stays_until_that_is_over)
{
    const gboolean given_up = (_i & 2) != 0;

    if (_i & 1)
        make_incremental();
    ck_assert_int_eq(virDomainDestroy(domain), 0);
    refuses = TRUE;
    ck_assert(!restore(NULL) && is_filled_with(image, 's'));
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;

        ck_assert(!remove_content(&error));
        ck_assert_msg(lull_error_is(error, LULL_ERROR_BUSY) && strstr(error->message, RESTORE), "%s",
                      error->message);
    }
    refuses = FALSE;
    if (given_up)
        ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    else
        ck_assert(restore(NULL));
    ck_assert(remove_content(NULL));
    ck_assert(!g_file_test(folder, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(a_restore_that_is_given_up_leaves_nothing_beside_the_images)
{
    g_autofree char *fresh = g_strconcat(image, ".lull-restore-" RESTORE, NULL);
    g_autofree char *part = g_strconcat(fresh, ".part", NULL);
    g_autofree char *other = g_strconcat(image, ".lull-restore-" CONTENT, NULL);

    fill(fresh, 'f');
    fill(part, 'p');
    fill(other, 'o');
    ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(!g_file_test(fresh, G_FILE_TEST_EXISTS) && !g_file_test(part, G_FILE_TEST_EXISTS));
    ck_assert(g_file_test(other, G_FILE_TEST_EXISTS)); /* another restore's */
    ck_assert(is_filled_with(image, 'o'));
}
END_TEST

static void
note_mark(guint permille, gpointer user_data)
{
    g_autofree char *mark = g_build_filename(folder, LULL_FOLDER_COPYING RESTORE, NULL);

    *(gboolean *)user_data = g_file_test(mark, G_FILE_TEST_EXISTS);
}

START_TEST(that_it_is_copied_is_noted_until_that_is_over)
{
    g_autofree char *mark = g_build_filename(folder, LULL_FOLDER_COPYING RESTORE, NULL);
    gboolean noted = FALSE;

    ck_assert_int_eq(virDomainDestroy(domain), 0);
    ck_assert(storage->ops->restore(storage, CONTENT, uuid, RESTORE, note_mark, &noted, NULL, NULL));
    ck_assert(noted);
    ck_assert(!g_file_test(mark, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(what_a_restore_left_that_died_as_it_copied_goes_with_its_content)
{
    g_autofree char *fresh = g_strconcat(image, ".lull-restore-" RESTORE, NULL);
    g_autofree char *part = g_strconcat(fresh, ".part", NULL);
    g_autofree char *other = g_strconcat(image, ".lull-restore-" CONTENT, NULL);

    if (_i)
        make_incremental();
    fill(fresh, 'f');
    fill(part, 'p');
    fill(other, 'o');
    ck_assert(lull_folder_write(folder, LULL_FOLDER_COPYING RESTORE, "", NULL));
    ck_assert(remove_content(NULL));
    ck_assert(!g_file_test(fresh, G_FILE_TEST_EXISTS) && !g_file_test(part, G_FILE_TEST_EXISTS));
    ck_assert(g_file_test(other, G_FILE_TEST_EXISTS)); /* another restore's */
    ck_assert(is_filled_with(image, 'o'));
}
END_TEST

START_TEST(a_link_that_somebody_put_there_is_not_followed)
{
    g_autofree char *fresh = g_strconcat(image, ".lull-restore-" RESTORE, NULL);
    g_autofree char *part = g_strconcat(fresh, ".part", NULL);
    g_autofree char *victim = g_build_filename(directory, "victim", NULL);
    const char *const links[] = {part, fresh};
    g_autoptr(GError) error = NULL;
    struct stat info;

    fill(victim, 'v');
    ck_assert_int_eq(symlink(victim, links[_i]), 0);
    ck_assert_int_eq(virDomainDestroy(domain), 0);
    ck_assert_msg(restore(&error), "%s", error ? error->message : "");
    ck_assert(is_filled_with(victim, 'v'));
    ck_assert(is_filled_with(image, 's'));
    ck_assert(lstat(image, &info) == 0 && S_ISREG(info.st_mode));
}
END_TEST

/* A machine that is gone */

static void
undefine(void)
{
    ck_assert_int_eq(virDomainDestroy(domain), 0);
    ck_assert_int_eq(virDomainUndefine(domain), 0);
}

static void
check_defined_again(void)
{
    g_autoptr(GError) error = NULL;
    char again[VIR_UUID_STRING_BUFLEN];
    virDomainPtr found;

    ck_assert_msg(restore(&error), "%s", error ? error->message : "");
    ck_assert(is_filled_with(image, 's'));
    found = virDomainLookupByName(connection, "test");
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(virDomainGetUUIDString(found, again), 0);
    ck_assert_str_eq(again, uuid);
    ck_assert_int_eq(virDomainIsActive(found), 0);
    virDomainFree(found);
}

START_TEST(a_machine_that_is_gone_is_defined_again_with_its_uuid)
{
    undefine();
    check_defined_again();
}
END_TEST

START_TEST(a_machine_that_is_gone_with_its_images_gets_new_ones)
{
    undefine();
    ck_assert_int_eq(unlink(image), 0);
    check_defined_again();
}
END_TEST

START_TEST(what_stopped_before_a_machine_that_is_gone_was_defined_goes_on)
{
    g_autofree char *fresh = g_strconcat(image, ".lull-restore-" RESTORE, NULL);

    undefine();
    fill(fresh, 's'); /* finished beside the image, or in its place already */
    if (_i)
        ck_assert_int_eq(rename(fresh, image), 0);
    check_defined_again();
    ck_assert(!g_file_test(fresh, G_FILE_TEST_EXISTS));
}
END_TEST

#define OTHER "5d3a1b9e-7a52-4c0f-9a55-0e6d8f1f7c11"

static void
define_other(const char *name, const char *id, const char *disk, gboolean runs)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='test'><name>%s</name><uuid>%s</uuid><memory>8192</memory><os><type>hvm</type></os>"
        "<devices><disk type='file' device='disk'><source file='%s'/><target dev='vda'/></disk></devices>"
        "</domain>",
        name, id, disk);
    virDomainPtr other = virDomainDefineXML(connection, xml);

    ck_assert_ptr_nonnull(other);
    if (runs)
        ck_assert_int_eq(virDomainCreate(other), 0);
    virDomainFree(other);
}

START_TEST(a_name_that_another_machine_has_by_now_is_refused)
{
    undefine();
    define_other("test", OTHER, "/nowhere", _i);
    check_refused(LULL_ERROR_INVALID, "another one has its name, with the uuid " OTHER);
}
END_TEST

START_TEST(a_uuid_that_has_another_name_by_now_is_refused)
{
    undefine();
    define_other("renamed", uuid, image, _i);
    check_refused(LULL_ERROR_INVALID, "rename it back first");
}
END_TEST

START_TEST(an_image_that_another_machine_has_by_now_is_refused)
{
    undefine();
    define_other("other", OTHER, image, _i);
    check_refused(LULL_ERROR_INVALID, "virtual machine other has it by now");
}
END_TEST

START_TEST(an_image_that_another_machine_is_about_to_have_is_refused)
{
    g_autoptr(GError) error = NULL;

    undefine();
    define_other("other", OTHER, image, 0);
    ck_assert_int_eq(unlink(image), 0);
    ck_assert(!restore(&error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert(!g_file_test(image, G_FILE_TEST_EXISTS));
}
END_TEST

static void
make_the_image(guint permille, gpointer user_data)
{
    if (!g_file_test(image, G_FILE_TEST_EXISTS))
        fill(image, 'o');
}

START_TEST(an_image_that_somebody_makes_meanwhile_is_left_alone)
{
    g_autoptr(GError) error = NULL;

    undefine();
    ck_assert_int_eq(unlink(image), 0);
    ck_assert(!storage->ops->restore(storage, CONTENT, uuid, RESTORE, make_the_image, NULL, NULL, &error));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_INVALID) && strstr(error->message, "somebody made it"),
                  "%s", error->message);
    ck_assert(is_filled_with(image, 'o'));
}
END_TEST

START_TEST(a_machine_with_other_disks_is_in_nobodys_way)
{
    undefine();
    define_other("other", OTHER, "/nowhere", _i);
    check_defined_again();
}
END_TEST

START_TEST(a_folder_that_is_gone_is_told)
{
    g_autoptr(GError) error = NULL;

    g_free(image);
    image = g_build_filename(directory, "gone", "disk.img", NULL);
    store_content('s');
    undefine();
    ck_assert(!restore(&error));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_INVALID) && strstr(error->message, "its folder is gone"),
                  "%s", error->message);
    ck_assert_ptr_null(virDomainLookupByName(connection, "test"));
}
END_TEST

START_TEST(an_nvram_whose_folder_is_gone_is_told_before_anything_is_touched)
{
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);

    undefine();
    lull_json_set_string(manifest, "nvram", "/nowhere/at/all/vars.fd");
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, lull_json_to_line(manifest), NULL));
    check_refused(LULL_ERROR_INVALID, "NVRAM /nowhere/at/all/vars.fd: its folder is gone");
}
END_TEST

static const char *const small[] = {LULL_FOLDER_DOMAIN, LULL_FOLDER_NVRAM};

/* Another byte, or not there. */
START_TEST(a_damaged_definition_or_nvram_is_told_before_anything_is_touched)
{
    g_autofree char *path = g_build_filename(folder, small[_i / 2], NULL);
    g_autofree char *nvram = g_build_filename(directory, "vars.fd", NULL);
    g_autofree char *text = NULL;
    g_autofree char *kept = NULL;
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);

    undefine();
    lull_json_set_string(manifest, "nvram", nvram);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, lull_json_to_line(manifest), NULL));
    ck_assert(lull_folder_write(folder, LULL_FOLDER_NVRAM, "variables", NULL));
    ck_assert(g_file_set_contents(nvram, "own", -1, NULL));
    seal_others(folder);
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    text[4]++;
    ck_assert(_i % 2 ? unlink(path) == 0 : g_file_set_contents(path, text, -1, NULL));
    check_refused(LULL_ERROR_INVALID, "the snapshot is damaged");
    ck_assert(g_file_get_contents(nvram, &kept, NULL, NULL));
    ck_assert_str_eq(kept, "own");
}
END_TEST

START_TEST(a_link_to_an_image_that_is_gone_is_not_replaced)
{
    g_autofree char *elsewhere = g_build_filename(directory, "gone", "disk.img", NULL);
    g_autoptr(GError) error = NULL;
    struct stat info;

    undefine();
    ck_assert_int_eq(unlink(image), 0);
    ck_assert_int_eq(symlink(elsewhere, image), 0);
    ck_assert(!restore(&error));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_INVALID) &&
                      strstr(error->message, "a link to what is gone"),
                  "%s", error->message);
    ck_assert(lstat(image, &info) == 0 && S_ISLNK(info.st_mode));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore");
    TCase *cases = tcase_create("restore");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_stopped_machine_gets_what_was_stored);
    tcase_add_test(cases, a_running_machine_keeps_what_it_has);
    tcase_add_test(cases, a_machine_with_a_saved_state_keeps_what_it_has);
    tcase_add_test(cases, a_damaged_snapshot_is_refused_for_good);
    tcase_add_loop_test(cases, a_definition_says_what_may_be_claimed_of_the_disks_that_it_comes_with, 0, 8);
    tcase_add_test(cases, a_restore_that_is_done_is_never_done_again);
    tcase_add_loop_test(cases, what_a_restore_has_begun_to_put_in_place_stays_until_that_is_over, 0, 4);
    tcase_add_test(cases, a_restore_that_is_given_up_leaves_nothing_beside_the_images);
    tcase_add_test(cases, that_it_is_copied_is_noted_until_that_is_over);
    tcase_add_loop_test(cases, what_a_restore_left_that_died_as_it_copied_goes_with_its_content, 0, 2);
    tcase_add_loop_test(cases, a_link_that_somebody_put_there_is_not_followed, 0, 2);
    tcase_add_test(cases, a_machine_that_is_gone_is_defined_again_with_its_uuid);
    tcase_add_test(cases, a_machine_that_is_gone_with_its_images_gets_new_ones);
    tcase_add_loop_test(cases, what_stopped_before_a_machine_that_is_gone_was_defined_goes_on, 0, 2);
    tcase_add_loop_test(cases, a_name_that_another_machine_has_by_now_is_refused, 0, 2);
    tcase_add_loop_test(cases, a_uuid_that_has_another_name_by_now_is_refused, 0, 2);
    tcase_add_loop_test(cases, an_image_that_another_machine_has_by_now_is_refused, 0, 2);
    tcase_add_test(cases, an_image_that_another_machine_is_about_to_have_is_refused);
    tcase_add_test(cases, an_image_that_somebody_makes_meanwhile_is_left_alone);
    tcase_add_loop_test(cases, a_machine_with_other_disks_is_in_nobodys_way, 0, 2);
    tcase_add_test(cases, a_folder_that_is_gone_is_told);
    tcase_add_test(cases, an_nvram_whose_folder_is_gone_is_told_before_anything_is_touched);
    tcase_add_loop_test(cases, a_damaged_definition_or_nvram_is_told_before_anything_is_touched, 0, 4);
    tcase_add_test(cases, a_link_to_an_image_that_is_gone_is_not_replaced);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
