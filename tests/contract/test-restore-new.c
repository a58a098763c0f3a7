/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* New machines of a stored content, with real images, onto libvirt's own mock driver. */

#include <dlfcn.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/guest/host.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/image.h"
#include "coordinator/storage/libvirt-backup.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/lib/sealed.h"

#define URI     "test:///default"
#define CONTENT "6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define SOURCE  "2c5e1d4c-7d0e-4f2c-8a51-0c0ffee00001"
#define RESTORE "0a9cf0a8-2cb4-4a3e-8b8f-64d2f0b6a001"
#define BYTES   (64 * 1024)

#define ROOT_FIRST "lara-root.raw.lull-restore-" RESTORE

static char *directory; /* of what is stored */
static char *folder;    /* of the content */
static char *images;    /* folder of those that the machine had */
static LullHost *host;
static LullStorage *storage;
static virConnectPtr connection;
static LullJson *files;
static gboolean refuses, refuses_for_good, loses_answer;
static gboolean has_no_links; /* the file system */
static guint copies;          /* told of */

/* In libvirt's place, in this program. */
virDomainPtr
virDomainDefineXML(virConnectPtr to, const char *xml)
{
    virDomainPtr (*define)(virConnectPtr, const char *) =
        (virDomainPtr(*)(virConnectPtr, const char *))dlsym(RTLD_NEXT, "virDomainDefineXML");
    virDomainPtr domain =
        refuses ? NULL
                : define(to, refuses_for_good ? "<domain type='test'><name>lara</name></domain>" : xml);

    if (!loses_answer || !domain)
        return domain;
    virDomainFree(domain);
    return NULL;
}

int
link(const char *from, const char *to)
{
    int (*other)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");

    if (!has_no_links)
        return other(from, to);
    errno = EPERM;
    return -1;
}

static char *
image(const char *name)
{
    return g_build_filename(images, name, NULL);
}

static gboolean
is_there(const char *name)
{
    g_autofree char *path = image(name);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void
fill(const char *name, char byte)
{
    g_autofree char *path = image(name);
    g_autofree char *data = g_malloc(BYTES);

    memset(data, byte, BYTES);
    ck_assert(g_file_set_contents(path, data, BYTES, NULL));
}

/* As a guest does, who has it open. */
static void
write_into(const char *name, char byte)
{
    g_autofree char *path = image(name);
    g_autofree char *data = g_malloc(BYTES);
    const int fd = open(path, O_WRONLY);

    memset(data, byte, BYTES);
    ck_assert_int_eq(pwrite(fd, data, BYTES, 0), BYTES);
    close(fd);
}

static gboolean
is_filled_with(const char *name, char byte)
{
    g_autofree char *path = image(name);
    g_autofree char *data = NULL;
    gsize length = 0;

    ck_assert(g_file_get_contents(path, &data, &length, NULL));
    for (gsize i = 0; i < length; i++)
        if (data[i] != byte)
            return FALSE;
    return length == BYTES;
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

/* A content of one volume, full of 's', of a machine that is not there any more. */
static void
store_content(void)
{
    g_autofree char *plain = g_build_filename(directory, "plain", NULL);
    g_autofree char *stored = g_build_filename(folder, "vda.qcow2", NULL);
    g_autofree char *data = g_strnfill(BYTES, 's');
    g_autofree char *vda = image("vda.raw");
    g_autofree char *nvram = image("VARS.fd");
    g_autofree char *text = NULL;
    g_autofree char *xml = NULL;
    g_autofree char *sum = NULL;
    const char *const argv[] = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", plain, stored, NULL};
    struct stat info;

    ck_assert(lull_folder_make(folder, NULL) && g_file_set_contents(plain, data, BYTES, NULL));
    ck_assert(
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    ck_assert_int_eq(stat(stored, &info), 0);
    sum = lull_folder_sha256(stored, NULL, NULL);
    text = g_strdup_printf(
        "{\"version\":1,\"vm\":\"" SOURCE "\",\"domain\":\"larry\",\"nvram\":\"%s\",\"volumes\":"
        "[{\"name\":\"root\",\"disk\":\"vda\",\"file\":\"vda.qcow2\",\"sourcePath\":\"%s\","
        "\"sourceFormat\":\"raw\",\"capacity\":%d,\"size\":%ld,\"sha256\":\"%s\"}]}",
        nvram, vda, BYTES, (long)info.st_size, sum);
    xml = g_strdup_printf(
        "<domain type='test'><name>larry</name><uuid>" SOURCE "</uuid><memory>1024</memory><os>"
        "<type>hvm</type><loader readonly='yes' "
        "type='pflash'>/l.fd</loader><nvram>%s</nvram></os><devices><disk type='file' device='disk'>"
        "<source file='%s'/><target dev='vda'/></disk></devices></domain>",
        nvram, vda);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, text, NULL));
    ck_assert(lull_folder_write(folder, LULL_FOLDER_DOMAIN, xml, NULL));
    ck_assert(lull_folder_write(folder, LULL_FOLDER_NVRAM, "variables", NULL));
    seal_others(folder);
}

static void
set_up(void)
{
    g_autoptr(GError) error = NULL;

    directory = g_dir_make_tmp("restore-new-XXXXXX", NULL);
    images = g_dir_make_tmp("images-XXXXXX", NULL);
    folder = g_build_filename(directory, CONTENT, NULL);
    files = json("{'root':'lara-root'}");
    host = lull_host_open(URI, &error);
    ck_assert_no_error(error);
    storage = lull_storage_libvirt_new(host, directory, &error);
    ck_assert_no_error(error);
    connection = virConnectOpen(URI);
    refuses = refuses_for_good = loses_answer = has_no_links = FALSE;
    copies = 0;
    store_content();
    fill("vda.raw", 'o');
}

static void
tear_down(void)
{
    virConnectClose(connection);
    lull_storage_free(storage);
    lull_host_free(host);
    lull_folder_remove(directory, NULL);
    lull_folder_remove(images, NULL);
    lull_json_put(files);
    g_free(directory);
    g_free(folder);
    g_free(images);
}

static void
note(guint permille, gpointer user_data)
{
    copies++;
}

static gboolean
restore_as(const char *name, GError **error)
{
    const LullNewMachine wanted = {.name = name, .files = files};

    return storage->ops->restore_new(storage, CONTENT, &wanted, RESTORE, note, NULL, NULL, error);
}

static gboolean
is_defined(void)
{
    virDomainPtr domain = virDomainLookupByUUIDString(connection, RESTORE);

    if (domain)
        virDomainFree(domain);
    return domain != NULL;
}

/* As a process that is killed at that moment leaves it. */
static void
leave_behind(const char *name, const char *first, char byte)
{
    g_autofree char *path = image(name);
    g_autofree char *fresh = image(first);
    g_autofree char *mark = NULL;
    struct stat info;

    fill(first, byte);
    ck_assert_int_eq(link(fresh, path), 0);
    ck_assert_int_eq(stat(fresh, &info), 0);
    mark =
        g_strdup_printf("{\"files\":[\"%s\"],\"finished\":{\"%s\":{\"size\":%ld,\"mtime\":%ld}}}", path, path,
                        (long)info.st_size, (long)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_COPYING RESTORE, mark, NULL));
}

START_TEST(a_new_machine_has_what_was_stored_in_files_of_its_own)
{
    g_autoptr(GError) error = NULL;
    virDomainPtr domain = NULL;
    char *xml = NULL;

    ck_assert_msg(restore_as("lara", &error), "%s", error ? error->message : "");
    ck_assert(is_filled_with("lara-root.raw", 's') && is_filled_with("vda.raw", 'o'));
    ck_assert(is_there("lara_VARS.fd") && count_images() == 3);
    domain = virDomainLookupByName(connection, "lara");
    ck_assert(domain && is_defined() && virDomainIsActive(domain) == 0);
    xml = virDomainGetXMLDesc(domain, 0);
    ck_assert(strstr(xml, "/lara-root.raw'") && strstr(xml, "/lara_VARS.fd") && !strstr(xml, "vda.raw"));
    free(xml);
    virDomainFree(domain);
    /* told once more */
    fill("lara-root.raw", 'n');
    ck_assert(restore_as("lara", NULL) && is_filled_with("lara-root.raw", 'n'));
}
END_TEST

static const char *const occupied[] = {"lara-root.raw", "lara_VARS.fd"};

START_TEST(a_file_that_is_there_is_never_touched)
{
    g_autoptr(GError) error = NULL;

    fill(occupied[_i], 'x');
    ck_assert(!restore_as("lara", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_ptr_nonnull(strstr(error->message, "stays as it is"));
    ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(is_filled_with(occupied[_i], 'x') && count_images() == 2 && !is_defined());
}
END_TEST

START_TEST(a_name_that_a_machine_has_is_refused)
{
    g_autoptr(GError) error = NULL;

    ck_assert(!restore_as("test", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert(count_images() == 1);
}
END_TEST

static const char *const no_names[] = {"../lara", "a/b", "New VM", ""};

START_TEST(a_name_that_is_none_makes_nothing)
{
    g_autoptr(GError) error = NULL;

    ck_assert(!restore_as(no_names[_i], &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_ptr_nonnull(strstr(error->message, "no name"));
    ck_assert(count_images() == 1);
}
END_TEST

static gboolean
is_marked(const char *prefix)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)))
        if (g_str_has_prefix(name, prefix))
            return TRUE;
    return FALSE;
}

START_TEST(what_can_never_be_defined_leaves_nothing)
{
    g_autoptr(GError) error = NULL;

    refuses_for_good = TRUE;
    ck_assert(!restore_as("lara", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert(count_images() == 1 && is_filled_with("vda.raw", 'o') && !is_marked(LULL_FOLDER_COPYING));
}
END_TEST

/* What the first try copied would not be so any more. */
START_TEST(what_cannot_be_defined_just_now_is_not_copied_again)
{
    g_autofree char *stored = g_build_filename(folder, "vda.qcow2", NULL);

    refuses = TRUE;
    ck_assert(!restore_as("lara", NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && !is_defined());
    refuses = FALSE;
    ck_assert(g_file_set_contents(stored, "damaged", -1, NULL));
    ck_assert(restore_as("lara", NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && is_defined() && count_images() == 3);
}
END_TEST

START_TEST(what_cannot_be_defined_just_now_goes_when_it_is_given_up)
{
    refuses = TRUE;
    ck_assert(!restore_as("lara", NULL));
    ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(count_images() == 1 && is_filled_with("vda.raw", 'o') && !is_marked(LULL_FOLDER_COPYING));
}
END_TEST

START_TEST(where_no_file_can_have_two_names_nothing_is_copied)
{
    g_autoptr(GError) error = NULL;

    has_no_links = TRUE;
    ck_assert(!restore_as("lara", &error));
    ck_assert_error(error, LULL_ERROR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error->message, "hard links"));
    ck_assert(copies == 0 && count_images() == 1);
}
END_TEST

/* Killed before that was noted, and the content is to go by now; or noted, and killed right then. */
START_TEST(one_that_was_made_is_complete_whatever_became_of_the_snapshot)
{
    loses_answer = TRUE;
    ck_assert(!restore_as("lara", NULL) && is_there(ROOT_FIRST));
    ck_assert(lull_folder_write(folder, _i ? LULL_FOLDER_RESTORED RESTORE : "removal.json", "{}", NULL));
    ck_assert(restore_as("lara", NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && count_images() == 3);
    ck_assert(!is_marked(LULL_FOLDER_COPYING) && is_marked(LULL_FOLDER_RESTORED));
}
END_TEST

START_TEST(a_mark_that_cannot_be_read_keeps_what_it_may_name)
{
    g_autofree char *mark = g_build_filename(folder, LULL_FOLDER_COPYING RESTORE, NULL);

    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    ck_assert_int_eq(unlink(mark), 0);
    ck_assert_int_eq(mkdir(mark, 0700), 0);
    ck_assert(!storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(count_images() == 3 && is_marked(LULL_FOLDER_COPYING));
}
END_TEST

START_TEST(what_a_damaged_content_was_made_into_is_taken_back)
{
    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, "damaged", NULL));
    ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(count_images() == 1 && !is_marked(LULL_FOLDER_COPYING));
}
END_TEST

/* As where a link in the path of the source led then. */
START_TEST(what_an_earlier_try_left_elsewhere_is_taken_back)
{
    g_autofree char *elsewhere = image("elsewhere");

    ck_assert_int_eq(mkdir(elsewhere, 0700), 0);
    leave_behind("elsewhere/lara-root.raw", "elsewhere/" ROOT_FIRST, 's');
    ck_assert(restore_as("lara", NULL));
    ck_assert_int_eq(rmdir(elsewhere), 0);
    ck_assert(is_filled_with("lara-root.raw", 's') && count_images() == 3);
}
END_TEST

START_TEST(the_folder_of_the_sources_nvram_matters_to_nobody_else)
{
    g_autofree char *nvram = image("VARS.fd");

    ck_assert_int_eq(symlink("/nowhere", nvram), 0);
    ck_assert(restore_as("lara", NULL) && is_there("lara_VARS.fd"));
}
END_TEST

START_TEST(whoever_loses_the_answer_leaves_the_machine_its_files)
{
    loses_answer = TRUE;
    ck_assert(!restore_as("lara", NULL));
    ck_assert(is_defined() && is_filled_with("lara-root.raw", 's'));
    ck_assert(restore_as("lara", NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && count_images() == 3);
}
END_TEST

START_TEST(what_was_interrupted_is_gone_on_with)
{
    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    ck_assert(restore_as("lara", NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && count_images() == 3);
}
END_TEST

/* By itself, or with the content. */
START_TEST(what_was_interrupted_is_taken_back)
{
    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    fill(ROOT_FIRST ".part", 'p');
    if (_i)
        ck_assert(storage->ops->remove(storage, SOURCE, CONTENT, 0, NULL, NULL));
    else
        ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(count_images() == 1 && is_filled_with("vda.raw", 'o'));
}
END_TEST

START_TEST(a_file_that_somebody_made_meanwhile_is_not_taken_back)
{
    g_autofree char *path = image("lara-root.raw");

    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    ck_assert_int_eq(unlink(path), 0);
    fill("lara-root.raw", 'x');
    ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(is_filled_with("lara-root.raw", 'x') && count_images() == 2);
}
END_TEST

/* Another machine, of that file. */
static virDomainPtr
define_other(const char *name)
{
    g_autofree char *path = image(name);
    g_autofree char *xml = g_strdup_printf(
        "<domain type='test'><name>other</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        "<disk type='file' device='disk'><source file='%s'/><target dev='vda'/></disk></devices></domain>",
        path);
    virDomainPtr domain = virDomainDefineXML(connection, xml);

    ck_assert_ptr_nonnull(domain);
    return domain;
}

/* By itself, or with the content, or with the restore that finds it so. */
START_TEST(what_another_machine_has_by_now_is_not_taken_back)
{
    g_autoptr(GError) error = NULL;
    virDomainPtr other = NULL;

    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    other = define_other("lara-root.raw");
    if (_i == 2) {
        ck_assert(!restore_as("lara", &error));
        ck_assert_ptr_nonnull(strstr(error->message, "other has it by now"));
    }
    if (_i == 1)
        ck_assert(storage->ops->remove(storage, SOURCE, CONTENT, 0, NULL, NULL));
    else
        ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && count_images() == 2);
    virDomainUndefine(other);
    virDomainFree(other);
}
END_TEST

START_TEST(what_another_machine_has_by_a_pool_is_not_taken_back)
{
    const char *const xml =
        "<domain type='test'><name>other</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        "<disk type='volume' device='disk'><source pool='gone' volume='lara-root.raw'/><target dev='vda'/>"
        "</disk></devices></domain>";
    virDomainPtr other = virDomainDefineXML(connection, xml);

    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    ck_assert(other && storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && count_images() == 2);
    virDomainUndefine(other);
    virDomainFree(other);
}
END_TEST

START_TEST(what_somebody_has_open_is_not_taken_back)
{
    g_autofree char *path = image("lara-root.raw");
    LullImageLock *lock = NULL;

    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    lock = lull_image_lock(path, NULL);
    ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && count_images() == 2);
    lull_image_unlock(lock);
}
END_TEST

START_TEST(what_a_restore_that_is_over_made_stays)
{
    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    ck_assert(lull_folder_write(folder, LULL_FOLDER_RESTORED RESTORE, "", NULL));
    if (_i)
        ck_assert(restore_as("lara", NULL));
    else
        ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && count_images() == 2);
}
END_TEST

/* Its restore was killed right after it was made; it was used, and undefined. */
START_TEST(what_was_written_to_since_makes_no_machine_and_is_not_taken_back)
{
    g_autoptr(GError) error = NULL;

    leave_behind("lara-root.raw", ROOT_FIRST, 's');
    write_into("lara-root.raw", 'g');
    ck_assert(!restore_as("lara", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_ptr_nonnull(strstr(error->message, "it was written to since"));
    ck_assert(!is_defined() && storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(is_filled_with("lara-root.raw", 'g') && count_images() == 2);
}
END_TEST

START_TEST(what_was_made_and_is_gone_is_not_made_again_over_its_disks)
{
    g_autoptr(GError) error = NULL;
    virDomainPtr made = NULL;

    loses_answer = TRUE;
    ck_assert(!restore_as("lara", NULL));
    made = virDomainLookupByUUIDString(connection, RESTORE);
    ck_assert_int_eq(virDomainUndefine(made), 0);
    virDomainFree(made);
    write_into("lara-root.raw", 'g');
    ck_assert(!restore_as("lara", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert(!is_defined() && storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(is_filled_with("lara-root.raw", 'g'));
}
END_TEST

START_TEST(half_an_nvram_is_taken_for_none)
{
    g_autofree char *path = image("lara_VARS.fd");
    g_autofree char *first = image("lara_VARS.fd.lull-restore-" RESTORE);
    g_autofree char *mark = g_strdup_printf("{\"files\":[\"%s\"]}", path);
    g_autofree char *text = NULL;

    ck_assert(g_file_set_contents(first, "", 0, NULL));
    ck_assert(lull_folder_write(folder, LULL_FOLDER_COPYING RESTORE, mark, NULL));
    ck_assert(restore_as("lara", NULL) && g_file_get_contents(path, &text, NULL, NULL));
    ck_assert_str_eq(text, "variables");
    ck_assert(count_images() == 3);
}
END_TEST

static const char *const small[] = {LULL_FOLDER_DOMAIN, LULL_FOLDER_NVRAM};

/* Another byte, or not there. */
START_TEST(a_damaged_definition_or_nvram_makes_nothing)
{
    g_autofree char *path = g_build_filename(folder, small[_i / 2], NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    text[4]++;
    ck_assert(_i % 2 ? unlink(path) == 0 : g_file_set_contents(path, text, -1, NULL));
    ck_assert(!restore_as("lara", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_ptr_nonnull(strstr(error->message, "the snapshot is damaged"));
    ck_assert(count_images() == 1 && !is_defined());
}
END_TEST

START_TEST(a_machine_that_was_made_keeps_its_files_when_its_restore_is_given_up)
{
    loses_answer = TRUE;
    ck_assert(!restore_as("lara", NULL));
    leave_behind("other.raw", "other.raw.lull-restore-" RESTORE, 's');
    ck_assert(storage->ops->drop_restore(storage, CONTENT, RESTORE, NULL));
    ck_assert(is_filled_with("lara-root.raw", 's') && is_filled_with("other.raw", 's'));
    ck_assert(!is_there("other.raw.lull-restore-" RESTORE));
}
END_TEST

START_TEST(a_damaged_snapshot_makes_nothing)
{
    g_autofree char *stored = g_build_filename(folder, "vda.qcow2", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_set_contents(stored, "damaged", -1, NULL));
    ck_assert(!restore_as("lara", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert(count_images() == 1 && !is_defined());
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-new");
    TCase *cases = tcase_create("restore-new");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_new_machine_has_what_was_stored_in_files_of_its_own);
    tcase_add_loop_test(cases, a_file_that_is_there_is_never_touched, 0, G_N_ELEMENTS(occupied));
    tcase_add_test(cases, a_name_that_a_machine_has_is_refused);
    tcase_add_loop_test(cases, a_name_that_is_none_makes_nothing, 0, G_N_ELEMENTS(no_names));
    tcase_add_test(cases, what_can_never_be_defined_leaves_nothing);
    tcase_add_test(cases, what_cannot_be_defined_just_now_is_not_copied_again);
    tcase_add_test(cases, what_cannot_be_defined_just_now_goes_when_it_is_given_up);
    tcase_add_test(cases, where_no_file_can_have_two_names_nothing_is_copied);
    tcase_add_loop_test(cases, one_that_was_made_is_complete_whatever_became_of_the_snapshot, 0, 2);
    tcase_add_test(cases, a_mark_that_cannot_be_read_keeps_what_it_may_name);
    tcase_add_test(cases, what_a_damaged_content_was_made_into_is_taken_back);
    tcase_add_test(cases, what_an_earlier_try_left_elsewhere_is_taken_back);
    tcase_add_test(cases, the_folder_of_the_sources_nvram_matters_to_nobody_else);
    tcase_add_test(cases, whoever_loses_the_answer_leaves_the_machine_its_files);
    tcase_add_test(cases, what_was_interrupted_is_gone_on_with);
    tcase_add_loop_test(cases, what_was_interrupted_is_taken_back, 0, 2);
    tcase_add_test(cases, a_file_that_somebody_made_meanwhile_is_not_taken_back);
    tcase_add_loop_test(cases, what_another_machine_has_by_now_is_not_taken_back, 0, 3);
    tcase_add_test(cases, what_another_machine_has_by_a_pool_is_not_taken_back);
    tcase_add_test(cases, what_somebody_has_open_is_not_taken_back);
    tcase_add_loop_test(cases, what_a_restore_that_is_over_made_stays, 0, 2);
    tcase_add_test(cases, what_was_written_to_since_makes_no_machine_and_is_not_taken_back);
    tcase_add_test(cases, what_was_made_and_is_gone_is_not_made_again_over_its_disks);
    tcase_add_test(cases, half_an_nvram_is_taken_for_none);
    tcase_add_loop_test(cases, a_damaged_definition_or_nvram_makes_nothing, 0, 4);
    tcase_add_test(cases, a_machine_that_was_made_keeps_its_files_when_its_restore_is_given_up);
    tcase_add_test(cases, a_damaged_snapshot_makes_nothing);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
