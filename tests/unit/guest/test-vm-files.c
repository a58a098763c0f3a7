/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm-files.h"

#include "protocol/error.h"
#include "tests/lib/check-main.h"

static const struct {
    const char *xml;
    const char *files; /* with blanks between */
} domains[] = {
    {"<domain/>", ""},
    {"<domain><devices><disk><source file='/a'/></disk></devices></domain>", "/a"},
    {"<domain><devices><disk type='block'><source dev='/dev/x'/></disk></devices></domain>", "/dev/x"},
    {"<domain><devices><disk device='cdrom'><target dev='sda'/></disk></devices></domain>", ""},
    {"<domain><devices><disk><source pool='p' volume='v'/></disk></devices></domain>", ""},
    {"<domain><devices><disk><source protocol='nbd' name='x'/></disk></devices></domain>", ""},
    {"<domain><devices><disk><source file='relative'/></disk></devices></domain>", ""},
    /* what it is based on, and what it is copied to */
    {"<domain><devices><disk><source file='/a'/><backingStore><source file='/b'/><backingStore>"
     "<source file='/c'/></backingStore></backingStore><mirror><source file='/d'/></mirror></disk></devices>"
     "</domain>",
     "/a /b /c /d"},
    {"<domain><os><nvram>/vars</nvram></os></domain>", "/vars"},
    {"<domain><os><nvram type='file'><source file='/vars'/></nvram></os></domain>", "/vars"},
    {"<domain><os><nvram template='/t'/></os></domain>", ""},
    /* what is no disk */
    {"<domain><devices><serial><source path='/log'/></serial><filesystem><source dir='/x'/></filesystem>"
     "</devices></domain>",
     ""},
    {"<domain><metadata><disk xmlns='x'><source file='/a'/></disk></metadata></domain>", ""},
};

START_TEST(all_that_a_domain_has_is_named)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) files = lull_vm_files(domains[_i].xml, &error);
    g_autofree char *all = NULL;

    ck_assert_msg(files != NULL, "%s", error ? error->message : "");
    g_ptr_array_add(files, NULL);
    all = g_strjoinv(" ", (char **)files->pdata);
    ck_assert_str_eq(all, domains[_i].files);
}
END_TEST

static const char *const hostile[] = {
    "", "no XML", "<network/>", "<!DOCTYPE domain [<!ENTITY e 'x'>]><domain>&e;</domain>", "<domain>",
};

START_TEST(what_is_no_domain_is_an_error)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_vm_files(hostile[_i], &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
}
END_TEST

START_TEST(volumes_are_told_by_their_pools)
{
    g_autoptr(GPtrArray) volumes = lull_vm_volumes(
        "<domain><devices><disk type='volume'><source pool='p' volume='v'/><backingStore type='volume'>"
        "<source pool='q' volume='w'/></backingStore></disk><disk type='volume'><source pool='p'/></disk>"
        "</devices></domain>",
        NULL);

    ck_assert_uint_eq(volumes->len, 4);
    ck_assert_str_eq(volumes->pdata[0], "p");
    ck_assert_str_eq(volumes->pdata[3], "w");
    ck_assert_ptr_null(lull_vm_volumes("<pool/>", NULL));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("vm-files");
    TCase *tcase = tcase_create("vm-files");

    tcase_add_loop_test(tcase, all_that_a_domain_has_is_named, 0, G_N_ELEMENTS(domains));
    tcase_add_loop_test(tcase, what_is_no_domain_is_an_error, 0, G_N_ELEMENTS(hostile));
    tcase_add_test(tcase, volumes_are_told_by_their_pools);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
