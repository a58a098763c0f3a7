/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/backup-private.h"

#include <string.h>

#include "coordinator/storage/folder.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define SUM    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define PARENT "aaaaaaaa-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define VOLUME                                                      \
    "{\"name\":\"vda\",\"file\":\"vda.qcow2\",\"sourcePath\":\"/i/" \
    "a\",\"sourceFormat\":\"raw\",\"capacity\":5,"                  \
    "\"size\":5,\"sha256\":\"" SUM "\"}"
#define GOOD "{\"version\":1,\"vm\":\"u\",\"domain\":\"d\",\"volumes\":[" VOLUME "]}"

static LullVm *
machine(void)
{
    return lull_vm_from_xml(
        "<domain><name>d</name><uuid>dbf88f9f-5838-45bb-9799-33a82fdb7ad1</uuid>"
        "<os><nvram>/n.fd</nvram></os><devices>"
        "<disk type='file' device='cdrom'><source file='/b'/><target dev='sda'/></disk>"
        "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/><alias name='ua-root'/></disk>"
        "</devices></domain>",
        LULL_VM_RUNNING, NULL);
}

START_TEST(an_attempt_describes_what_it_copies)
{
    g_autoptr(LullVm) vm = machine();
    const guint64 capacity = 4096;
    g_autoptr(LullJson) attempt = lull_attempt_new(vm, &capacity, NULL);
    LullJson *volumes = lull_json_array(attempt, "volumes");

    ck_assert_uint_eq(json_object_array_length(volumes), 1);
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(volumes, 0), "file", ""), "root.qcow2");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(volumes, 0), "sourcePath", ""), "/a");
    ck_assert_str_eq(lull_json_string(attempt, "nvram", ""), "/n.fd");
}
END_TEST

START_TEST(an_attempt_says_what_it_is_based_on_and_why_not)
{
    g_autoptr(LullVm) vm = machine();
    const guint64 capacity = 4096;
    LullChainKind kinds[] = {LULL_CHAIN_INCREMENTAL};
    LullChainPlan plan = {.parent = "p", .checkpoint = "lull-x", .n = 1, .kinds = kinds};
    g_autoptr(LullJson) changes = lull_attempt_new(vm, &capacity, &plan);
    g_autoptr(LullJson) whole = NULL;

    ck_assert_str_eq(lull_json_string(changes, "parent", ""), "p");
    ck_assert_str_eq(lull_json_string(changes, "checkpoint", ""), "lull-x");
    kinds[0] = LULL_CHAIN_RAW;
    whole = lull_attempt_new(vm, &capacity, &plan);
    ck_assert_ptr_nonnull(strstr(lull_json_to_line(whole), "a raw image keeps no record"));
}
END_TEST

/* The first bytes of a qcow2, with @backing behind it. */
static void
write_image(const char *path, const char *backing)
{
    guint8 bytes[512] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};

    if (*backing) {
        bytes[14] = 1; /* at 256 */
        bytes[19] = (guint8)strlen(backing);
        memcpy(bytes + 256, backing, strlen(backing));
    }
    ck_assert(g_file_set_contents(path, (const char *)bytes, sizeof bytes, NULL));
}

static const struct {
    const char *backing;
    gboolean incremental;
    gboolean good;
} images[] = {
    {"", FALSE, TRUE},
    {"/etc/shadow", FALSE, FALSE},
    {"../" PARENT "/root.qcow2", FALSE, FALSE},
    {"../" PARENT "/root.qcow2", TRUE, TRUE},
    {"../" PARENT "/data.qcow2", TRUE, FALSE},
    {"/etc/shadow", TRUE, FALSE},
    {"", TRUE, FALSE},
};

START_TEST(what_an_image_is_based_on_is_what_it_was_made_for)
{
    g_autofree char *folder = g_dir_make_tmp("manifest-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(folder, "root.qcow2", NULL);
    g_autoptr(LullVm) vm = machine();
    const guint64 capacity = 4096;
    LullChainKind kind = images[_i].incremental ? LULL_CHAIN_INCREMENTAL : LULL_CHAIN_LENGTH;
    const LullChainPlan plan = {.parent = PARENT, .n = 1, .kinds = &kind};
    g_autoptr(LullJson) attempt = lull_attempt_new(vm, &capacity, &plan);
    g_autoptr(GError) error = NULL;

    write_image(file, images[_i].backing);
    ck_assert_int_eq(lull_manifest_write(folder, "uid", attempt, NULL, NULL, &error), images[_i].good);
    ck_assert(images[_i].good || lull_error_is(error, LULL_ERROR_INVALID));
    lull_folder_remove(folder, NULL);
}
END_TEST

START_TEST(a_manifest_has_sums_report_and_content)
{
    g_autofree char *folder = g_dir_make_tmp("manifest-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(folder, "root.qcow2", NULL);
    g_autoptr(LullVm) vm = machine();
    const guint64 capacity = 4096;
    g_autoptr(LullJson) attempt = lull_attempt_new(vm, &capacity, NULL);
    g_autoptr(LullJson) content = lull_json_parse(
        "{\"metadata\":{\"annotations\":{\"lull.dev/quiesce-report\":\"{\\\"level\\\":\\\"app\\\"}\"}}}", -1,
        NULL);
    g_autoptr(LullJson) manifest = NULL;
    g_autofree char *sum = NULL;
    LullJson *volume;

    write_image(file, "");
    sum = lull_folder_sha256(file, NULL, NULL);
    ck_assert(lull_manifest_write(folder, "uid", attempt, content, NULL, NULL));
    manifest = lull_manifest_read(folder, NULL);
    ck_assert_ptr_nonnull(manifest);
    volume = json_object_array_get_idx(lull_json_array(manifest, "volumes"), 0);
    ck_assert_str_eq(lull_json_string(volume, "sha256", ""), sum);
    ck_assert_int_eq(lull_json_int(volume, "size", 0), 512);
    ck_assert_str_eq(lull_json_string(lull_json_object(manifest, "report"), "level", ""), "app");
    ck_assert(lull_json_equal(lull_json_object(manifest, "content"), content));
    lull_folder_remove(folder, NULL);
}
END_TEST

static const struct {
    const char *from;
    const char *to;
} faults[] = {
    {"\"version\":1", "\"version\":2"},
    {"\"version\":1,", ""},
    {"\"vm\":\"u\",", ""},
    {"\"domain\":\"d\"", "\"domain\":5"},
    {",\"volumes\":[" VOLUME "]", ""},
    {"[" VOLUME "]", "{}"},
    {"[" VOLUME "]", "[7]"},
    {"[" VOLUME "]", "[" VOLUME "," VOLUME "]"},
    {"\"name\":\"vda\",", ""},
    {"\"vda.qcow2\"", "\"../vda.qcow2\""},
    {"\"vda.qcow2\"", "\"..\""},
    {"\"vda.qcow2\"", "\"\""},
    {"\"/i/a\"", "\"i/a\""},
    {"\"sourceFormat\":\"raw\"", "\"sourceFormat\":\"vmdk\""},
    {"\"sourceFormat\":\"raw\"", "\"sourceFormat\":null"},
    {"\"size\":5", "\"size\":-5"},
    {"\"capacity\":5", "\"capacity\":\"5\""},
    {SUM, "abc"},
    {"\"version\":1", "\"version\":1,\"nvram\":\"n.fd\""},
    {"\"version\":1", "\"version\":1,\"parent\":\"../x\""},
    {"\"name\":\"vda\",", "\"name\":\"vda\",\"copy\":\"incremental\","},
    {"\"name\":\"vda\",", "\"name\":\"vda\",\"copy\":\"partly\","},
};

START_TEST(a_manifest_that_is_not_right_is_refused)
{
    g_auto(GStrv) parts = g_strsplit(GOOD, faults[_i].from, 2);
    g_autofree char *text = g_strjoin(faults[_i].to, parts[0], parts[1], NULL);
    g_autoptr(LullJson) good = lull_json_parse(GOOD, -1, NULL);
    g_autoptr(LullJson) bad = lull_json_parse(text, -1, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(lull_manifest_check(good, NULL));
    ck_assert_ptr_nonnull(bad);
    ck_assert_msg(!lull_manifest_check(bad, &error), "%s", text);
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
}
END_TEST

START_TEST(a_manifest_may_have_no_volumes)
{
    g_autoptr(LullJson) manifest =
        lull_json_parse("{\"version\":1,\"vm\":\"u\",\"domain\":\"d\",\"volumes\":[]}", -1, NULL);

    ck_assert(lull_manifest_check(manifest, NULL)); /* of a machine whose configuration is all there is */
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/manifest");
    TCase *cases = tcase_create("manifest");

    tcase_add_test(cases, an_attempt_describes_what_it_copies);
    tcase_add_test(cases, an_attempt_says_what_it_is_based_on_and_why_not);
    tcase_add_loop_test(cases, what_an_image_is_based_on_is_what_it_was_made_for, 0, G_N_ELEMENTS(images));
    tcase_add_test(cases, a_manifest_has_sums_report_and_content);
    tcase_add_test(cases, a_manifest_may_have_no_volumes);
    tcase_add_loop_test(cases, a_manifest_that_is_not_right_is_refused, 0, G_N_ELEMENTS(faults));
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
