/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm-definition.h"

#include <string.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define DOMAIN(disks)                                                                         \
    "<domain type='qemu'><name>larry</name><devices><emulator>/usr/bin/qemu</emulator>" disks \
    "<serial type='pty'/></devices></domain>"
#define DISK(target, path, extra)                                                                     \
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='" path "'" extra \
    "<target dev='" target "' bus='virtio'/>"
#define VDA DISK("vda", "/a", "/>") "<address type='pci' slot='0x05'/></disk>"
#define VDA_LIVE                                  \
    DISK("vda", "/a", " index='1'/>")             \
    "<backingStore/><alias name='virtio-disk0'/>" \
    "<address type='pci' slot='0x05'/></disk>"
#define VDB DISK("vdb", "/b", "/>") "<address type='pci' slot='0x06'/></disk>"
#define VDB_LIVE                                                   \
    DISK("vdb", "/other", " index='2'/>")                          \
    "<backingStore type='file'><source file='/b'/></backingStore>" \
    "<alias name='virtio-disk1'/><address type='pci' slot='0x07'/></disk>"
#define CDROM(path) "<disk type='file' device='cdrom'><source file='" path "'/><target dev='sda'/></disk>"

static char *
definition(const char *live, const char *inactive, GPtrArray *notes)
{
    g_autoptr(GError) error = NULL;
    char *xml = lull_vm_definition(live, inactive, notes, &error);

    ck_assert_msg(!error, "%s", error ? error->message : "");
    return xml;
}

static guint
count(const char *text, const char *part)
{
    guint n = 0;

    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        n++;
    return n;
}

START_TEST(what_does_not_differ_stays_to_the_letter)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *xml = definition(DOMAIN(VDA_LIVE CDROM("/new")), DOMAIN(VDA CDROM("/old")), notes);

    ck_assert_str_eq(xml, DOMAIN(VDA CDROM("/old")));
    ck_assert_uint_eq(notes->len, 0);
}
END_TEST

START_TEST(a_disk_that_was_plugged_in_is_added_without_what_belongs_to_the_run)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *xml = definition(DOMAIN(VDA_LIVE VDB_LIVE), DOMAIN(VDA), notes);

    ck_assert_uint_eq(notes->len, 1);
    ck_assert_ptr_nonnull(strstr(notes->pdata[0], "vdb was plugged in"));
    ck_assert_uint_eq(count(xml, "<disk "), 2);
    ck_assert_ptr_nonnull(strstr(xml, "<source file=\"/other\"/>"));
    ck_assert_uint_eq(count(xml, "alias") + count(xml, "backingStore") + count(xml, "0x07"), 0);
    ck_assert_ptr_nonnull(strstr(xml, "<serial"));
}
END_TEST

START_TEST(a_disk_that_was_unplugged_is_taken_out)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *xml = definition(DOMAIN(VDA_LIVE), DOMAIN(VDA VDB), notes);

    ck_assert_uint_eq(notes->len, 1);
    ck_assert_ptr_nonnull(strstr(notes->pdata[0], "vdb was unplugged"));
    ck_assert_uint_eq(count(xml, "<disk "), 1);
}
END_TEST

START_TEST(a_changed_source_is_the_one_that_it_ran_with_at_the_defined_place)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *xml = definition(DOMAIN(VDA_LIVE VDB_LIVE), DOMAIN(VDA VDB), notes);

    ck_assert_uint_eq(notes->len, 1);
    ck_assert_ptr_nonnull(strstr(notes->pdata[0], "vdb ran with another source"));
    ck_assert_uint_eq(count(xml, "<disk "), 2);
    ck_assert_uint_eq(count(xml, "/other"), 1);
    ck_assert_uint_eq(count(xml, "file=\"/b\""), 0);
    ck_assert_uint_eq(count(xml, "0x06"), 1);
    ck_assert_uint_eq(count(xml, "0x07"), 0);
}
END_TEST

START_TEST(what_is_no_domain_is_refused)
{
    static const char *const bad[] = {"", "<domain/>",
                                      "<!DOCTYPE x [<!ENTITY e 'x'>]><domain><devices/></domain>"};
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(lull_vm_definition(DOMAIN(VDA), bad[i], notes, &error));
        ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    }
}
END_TEST

#define MARK "<lull:restored xmlns:lull=\"https://lull.dev/restored/1\"/>"

static const struct {
    const char *before;
    gboolean restored;
    const char *after;
} marks[] = {
    {"<name>x</name>", FALSE, "<name>x</name>"},
    {"<name>x</name>", TRUE, "<name>x</name><metadata>" MARK "</metadata>"},
    {"<metadata/>", TRUE, "<metadata>" MARK "</metadata>"},
    {"<metadata>" MARK "</metadata>", TRUE, "<metadata>" MARK "</metadata>"},
    {"<metadata>" MARK "</metadata>", FALSE, "<metadata/>"},
    {"<metadata><l:restored xmlns:l='https://lull.dev/restored/1'/>" MARK "</metadata>", FALSE,
     "<metadata/>"},
    {"<metadata><a xmlns=\"x\">" MARK "</a><restored/></metadata>", TRUE,
     "<metadata><a xmlns=\"x\">" MARK "</a><restored/>" MARK "</metadata>"},
    {"<restored xmlns=\"https://lull.dev/restored/1\"/>", FALSE,
     "<restored xmlns=\"https://lull.dev/restored/1\"/>"},
};

START_TEST(a_definition_has_the_mark_of_a_restore_or_not)
{
    g_autofree char *before = g_strdup_printf("<domain><devices/>%s</domain>", marks[_i].before);
    g_autofree char *after = g_strdup_printf("<domain><devices/>%s</domain>\n", marks[_i].after);
    g_autofree char *xml = lull_vm_definition_mark(before, marks[_i].restored, NULL);

    ck_assert_ptr_nonnull(xml);
    ck_assert_str_eq(strstr(xml, "<domain>"), after);
}
END_TEST

START_TEST(what_is_no_domain_is_not_marked)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_vm_definition_mark("<network/>", TRUE, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/vm-definition");
    TCase *cases = tcase_create("vm-definition");

    tcase_add_test(cases, what_does_not_differ_stays_to_the_letter);
    tcase_add_test(cases, a_disk_that_was_plugged_in_is_added_without_what_belongs_to_the_run);
    tcase_add_test(cases, a_disk_that_was_unplugged_is_taken_out);
    tcase_add_test(cases, a_changed_source_is_the_one_that_it_ran_with_at_the_defined_place);
    tcase_add_test(cases, what_is_no_domain_is_refused);
    tcase_add_loop_test(cases, a_definition_has_the_mark_of_a_restore_or_not, 0, G_N_ELEMENTS(marks));
    tcase_add_test(cases, what_is_no_domain_is_not_marked);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
