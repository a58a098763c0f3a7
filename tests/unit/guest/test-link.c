/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/link.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"

static void
swallow(void *user_data, virErrorPtr error)
{
}

static virConnectPtr
mock(void)
{
    virConnectPtr connection = NULL;

    virSetErrorFunc(NULL, swallow);
    connection = virConnectOpen("test:///default");
    ck_assert_ptr_nonnull(connection);
    return connection;
}

START_TEST(an_error_of_libvirts_says_what_and_why)
{
    virConnectPtr connection = mock();
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(virDomainLookupByName(connection, "larry"));
    ck_assert(!lull_link_error(&error, "virtual machine larry"));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_NOT_FOUND), "%s", error->message);
    ck_assert_str_eq(error->message, "virtual machine larry: Domain not found");
    virConnectClose(connection);
}
END_TEST

/* libvirt quotes what it cannot make sense of. */
START_TEST(one_of_any_length_and_form_becomes_one_line_that_can_be_kept)
{
    virConnectPtr connection = mock();
    g_autofree char *much = g_strnfill(1024 * 1024, 'x');
    g_autofree char *xml = g_strconcat("<domain type='larry&#10;** forged **", much,
                                       "'><name>a</name><memory>1</memory></domain>", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(virDomainDefineXML(connection, xml));
    ck_assert(!lull_link_error(&error, "the virtual machine"));
    ck_assert_uint_lt(strlen(error->message), 4096);
    ck_assert_msg(strstr(error->message, "larry ** forged **x") != NULL, "%s", error->message);
    virConnectClose(connection);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("link");
    TCase *tcase = tcase_create("link");

    tcase_add_test(tcase, an_error_of_libvirts_says_what_and_why);
    tcase_add_test(tcase, one_of_any_length_and_form_becomes_one_line_that_can_be_kept);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
