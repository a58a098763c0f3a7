/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Restores of a stored content that is an image as it was, whose blocks a file system can share; what that
 * does is played. Onto libvirt's own mock driver. */

#include <dlfcn.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>
#include <linux/fs.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "coordinator/guest/host.h"
#include "coordinator/storage/libvirt-backup.h"
#include "protocol/error.h"
#include "tests/lib/contents.h"
#include "tests/lib/objects.h"
#include "tests/lib/sealed.h"

#define CONTENT "6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define SOURCE  "2c5e1d4c-7d0e-4f2c-8a51-0c0ffee00001"
#define RESTORE "0a9cf0a8-2cb4-4a3e-8b8f-64d2f0b6a001"

static char *directory; /* of what is stored */
static char *stored;
static char *images; /* folder of those that the machine has */
static char *image;  /* its own */
static char *tools;  /* where programs are found first */
static char *path;   /* where they were found before */
static LullHost *host;
static LullStorage *storage;
static virConnectPtr connection;
static virDomainPtr domain;

/* The file system: what it makes of a request to share blocks, and how much room it says to have. */
static enum { REFUSES, SHARES, STOPS_HALF_WAY, SHARES_OTHERS } sharing;
static gboolean full;

static guint told;        /* the last progress */
static guint told_at_sum; /* when the first sum was over, of one that */
static gboolean watches;
static volatile gint digests; /* begun */

static void
share(int to, int from)
{
    g_autofree char *data = NULL;
    struct stat info;

    ck_assert_int_eq(fstat(from, &info), 0);
    data = g_malloc((gsize)info.st_size);
    ck_assert_int_eq(pread(from, data, (size_t)info.st_size, 0), info.st_size);
    if (sharing == SHARES_OTHERS)
        data[info.st_size - 1]++;
    if (sharing == STOPS_HALF_WAY)
        info.st_size /= 2;
    ck_assert_int_eq(pwrite(to, data, (size_t)info.st_size, 0), info.st_size);
}

/* In others' places, in this program. */
int
ioctl(int fd, unsigned long request, ...)
{
    int (*other)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    va_list rest;
    void *argument;

    va_start(rest, request);
    argument = va_arg(rest, void *);
    va_end(rest);
    if (request != FICLONE)
        return other(fd, request, argument);
    if (sharing == REFUSES) {
        errno = EOPNOTSUPP;
        return -1;
    }
    share(fd, GPOINTER_TO_INT(argument));
    return 0;
}

int
statvfs(const char *file, struct statvfs *ret_info)
{
    int (*other)(const char *, struct statvfs *) =
        (int (*)(const char *, struct statvfs *))dlsym(RTLD_NEXT, "statvfs");
    const int result = other(file, ret_info);

    if (full)
        ret_info->f_bavail = 0;
    return result;
}

int
EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *type, ENGINE *engine)
{
    int (*other)(EVP_MD_CTX *, const EVP_MD *, ENGINE *) =
        (int (*)(EVP_MD_CTX *, const EVP_MD *, ENGINE *))dlsym(RTLD_NEXT, "EVP_DigestInit_ex");

    g_atomic_int_inc(&digests);
    return other(context, type, engine);
}

int
EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *bytes, unsigned int *length)
{
    int (*other)(EVP_MD_CTX *, unsigned char *, unsigned int *) =
        (int (*)(EVP_MD_CTX *, unsigned char *, unsigned int *))dlsym(RTLD_NEXT, "EVP_DigestFinal_ex");

    if (watches) {
        g_usleep(G_USEC_PER_SEC / 10); /* whatever else is under way gets on */
        told_at_sum = told;
        watches = FALSE;
    }
    return other(context, bytes, length);
}

static void
store_content(void)
{
    g_autofree char *folder = g_build_filename(directory, CONTENT, NULL);
    g_autofree char *xml = g_strdup_printf(
        "<domain type='test'><name>larry</name><uuid>" SOURCE
        "</uuid><memory>1024</memory><os><type>hvm</type>"
        "</os><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='%s'/>"
        "<target dev='vda'/></disk></devices></domain>",
        image);
    g_autoptr(LullJson) manifest = NULL;
    LullJson *row;

    content_store(directory, CONTENT, NULL, SOURCE, "larry", image, 5, 0, 8);
    manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);
    row = json_object_array_get_idx(lull_json_array(manifest, "volumes"), 0);
    lull_json_set_string(row, "sourceFormat", "qcow2");
    lull_json_set_string(row, "disk", "vda");
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, lull_json_to_line(manifest), NULL));
    ck_assert(lull_folder_write(folder, LULL_FOLDER_DOMAIN, xml, NULL));
    seal_others(folder);
    domain = virDomainDefineXML(connection, xml);
    ck_assert_ptr_nonnull(domain);
}

static void
set_up(void)
{
    g_autoptr(GError) error = NULL;

    directory = g_dir_make_tmp("restore-share-XXXXXX", NULL);
    images = g_dir_make_tmp("images-XXXXXX", NULL);
    tools = g_dir_make_tmp("tools-XXXXXX", NULL);
    path = g_strdup(g_getenv("PATH"));
    image = g_build_filename(images, "vda.qcow2", NULL);
    stored = g_build_filename(directory, CONTENT, "vda.qcow2", NULL);
    host = lull_host_open("test:///default", &error);
    ck_assert_no_error(error);
    storage = lull_storage_libvirt_new(host, directory, &error);
    ck_assert_no_error(error);
    connection = virConnectOpen("test:///default");
    store_content();
    ck_assert(g_file_set_contents(image, "old", -1, NULL));
    sharing = SHARES;
    full = FALSE;
    told = 0;
    told_at_sum = G_MAXUINT;
    watches = FALSE;
    digests = 0;
}

static void
tear_down(void)
{
    g_setenv("PATH", path, TRUE);
    virDomainUndefine(domain);
    virDomainFree(domain);
    virConnectClose(connection);
    lull_storage_free(storage);
    lull_host_free(host);
    lull_folder_remove(directory, NULL);
    lull_folder_remove(images, NULL);
    lull_folder_remove(tools, NULL);
    g_free(directory);
    g_free(images);
    g_free(tools);
    g_free(path);
    g_free(image);
    g_free(stored);
}

static void
note(guint permille, gpointer user_data)
{
    told = permille;
}

/* In place, or as a new machine. */
static gboolean
restore(gboolean anew, GError **error)
{
    g_autoptr(LullJson) files = json("{'vda':'lara-vda'}");
    const LullNewMachine wanted = {.name = "lara", .files = files};

    if (anew)
        return storage->ops->restore_new(storage, CONTENT, &wanted, RESTORE, note, NULL, NULL, error);
    return storage->ops->restore(storage, CONTENT, SOURCE, RESTORE, note, NULL, NULL, error);
}

static char *
target(gboolean anew)
{
    return anew ? g_build_filename(images, "lara-vda.qcow2", NULL) : g_strdup(image);
}

static guint
count_images(void)
{
    g_autoptr(GDir) dir = g_dir_open(images, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

/* What was the machine's is, and nothing else. */
static void
expect_nothing_done(void)
{
    g_autofree char *text = NULL;

    ck_assert(count_images() == 1 && g_file_get_contents(image, &text, NULL, NULL));
    ck_assert_str_eq(text, "old");
}

static void
damage_stored(void)
{
    const int fd = open(stored, O_WRONLY);

    ck_assert_int_eq(pwrite(fd, "?", 1, CONTENT_BYTES), 1);
    close(fd);
}

/* In qemu-img's place from here on. */
static void
have_tool(const char *script)
{
    g_autofree char *tool = g_build_filename(tools, "qemu-img", NULL);
    g_autofree char *both = g_strconcat(tools, ":", path, NULL);

    ck_assert(g_file_set_contents(tool, script, -1, NULL) && g_chmod(tool, 0700) == 0);
    g_setenv("PATH", both, TRUE);
}

START_TEST(what_is_restored_is_what_was_stored_whatever_became_of_the_shared_blocks)
{
    const gboolean anew = (_i & 1) != 0;
    g_autofree char *there = target(anew);
    g_autoptr(GError) error = NULL;

    sharing = (guint)_i / 2;
    ck_assert_msg(restore(anew, &error), "%s", error ? error->message : "");
    for (guint i = 0; i < 8; i++)
        content_expect(there, 5, i);
    ck_assert_uint_eq(count_images(), anew ? 2 : 1);
    ck_assert_uint_eq(told, 1000);
}
END_TEST

START_TEST(blocks_that_are_shared_are_not_copied)
{
    have_tool("#!/bin/sh\nexit 1\n");
    ck_assert(restore(_i, NULL));
}
END_TEST

START_TEST(blocks_that_are_shared_need_no_room)
{
    g_autoptr(GError) error = NULL;

    full = TRUE;
    ck_assert_msg(restore(_i, &error), "%s", error ? error->message : "");
}
END_TEST

START_TEST(a_damaged_snapshot_is_refused_however_its_blocks_are_shared)
{
    g_autoptr(GError) error = NULL;

    damage_stored();
    sharing = (guint)_i / 2;
    ck_assert(!restore(_i & 1, &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_ptr_nonnull(strstr(error->message, "the snapshot is damaged"));
    expect_nothing_done();
}
END_TEST

/* A copy that would never end. */
START_TEST(a_damaged_snapshot_is_copied_no_further_once_that_is_known)
{
    g_autoptr(GError) error = NULL;

    sharing = REFUSES;
    damage_stored();
    have_tool("#!/bin/sh\nexec sleep 1000\n");
    ck_assert(!restore(_i, &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    expect_nothing_done();
}
END_TEST

/* Sums that would take a day. */
START_TEST(what_cannot_be_copied_is_not_read_to_its_end)
{
    g_autoptr(GError) error = NULL;

    sharing = REFUSES;
    ck_assert_int_eq(truncate(stored, (off_t)8 << 40), 0);
    have_tool("#!/bin/sh\necho 'it broke' >&2\nexit 1\n");
    ck_assert(!restore(_i, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "it broke"));
    expect_nothing_done();
}
END_TEST

START_TEST(where_there_is_no_room_nothing_is_read)
{
    g_autoptr(GError) error = NULL;

    sharing = REFUSES;
    full = TRUE;
    ck_assert(!restore(_i, &error));
    ck_assert_error(error, LULL_ERROR_NO_SPACE);
    ck_assert_int_eq(digests, 0);
    expect_nothing_done();
}
END_TEST

START_TEST(it_is_not_told_as_done_before_it_was_checked)
{
    watches = TRUE;
    ck_assert(restore(_i, NULL));
    ck_assert_uint_lt(told_at_sum, 1000);
    ck_assert_uint_eq(told, 1000);
}
END_TEST

START_TEST(what_is_finished_when_it_is_gone_on_with_is_not_read_again)
{
    g_autofree char *mark = g_build_filename(directory, CONTENT, LULL_FOLDER_COPYING RESTORE, NULL);
    g_autofree char *fresh = g_strconcat(image, ".lull-restore-" RESTORE, NULL);

    ck_assert(g_file_set_contents(mark, "", -1, NULL));
    content_tool((const char *const[]){"cp", stored, fresh, NULL});
    ck_assert(restore(FALSE, NULL));
    ck_assert_int_eq(digests, 0);
    content_expect(image, 5, 7);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-share");
    TCase *cases = tcase_create("restore-share");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, what_is_restored_is_what_was_stored_whatever_became_of_the_shared_blocks, 0,
                        8);
    tcase_add_loop_test(cases, blocks_that_are_shared_are_not_copied, 0, 2);
    tcase_add_loop_test(cases, blocks_that_are_shared_need_no_room, 0, 2);
    tcase_add_loop_test(cases, a_damaged_snapshot_is_refused_however_its_blocks_are_shared, 0, 8);
    tcase_add_loop_test(cases, a_damaged_snapshot_is_copied_no_further_once_that_is_known, 0, 2);
    tcase_add_loop_test(cases, what_cannot_be_copied_is_not_read_to_its_end, 0, 2);
    tcase_add_loop_test(cases, where_there_is_no_room_nothing_is_read, 0, 2);
    tcase_add_loop_test(cases, it_is_not_told_as_done_before_it_was_checked, 0, 2);
    tcase_add_test(cases, what_is_finished_when_it_is_gone_on_with_is_not_read_again);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
