/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/status.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static void
check(const char *status_text, long http, LullError code, const char *message)
{
    g_autoptr(LullJson) status = status_text ? json(status_text) : NULL;
    g_autoptr(GError) error = lull_status_to_error(status, http);

    ck_assert_error(error, code);
    ck_assert_str_eq(error->message, message);
}

START_TEST(reason_decides_and_the_http_code_stands_in_for_it)
{
    check("{'reason':'NotFound','message':'gone'}", 404, LULL_ERROR_NOT_FOUND, "gone");
    check("{'reason':'AlreadyExists','message':'there'}", 409, LULL_ERROR_EXISTS, "there");
    check("{'reason':'Conflict','message':'changed'}", 409, LULL_ERROR_CONFLICT, "changed");
    check("{'message':'changed'}", 409, LULL_ERROR_CONFLICT, "changed");
    check("{'reason':'Expired','message':'too old'}", 200, LULL_ERROR_EXPIRED, "too old");
    check("{'reason':'Novel','message':'what'}", 599, LULL_ERROR_FAILED, "what");
    check("{'reason':'MethodNotAllowed','message':'a view'}", 405, LULL_ERROR_DENIED, "a view");
}
END_TEST

START_TEST(causes_are_told_unless_the_message_names_them_already)
{
    check("{'reason':'Invalid','message':'snapshot is invalid','details':{'causes':["
          "{'field':'spec.a','message':'wrong'},{'field':'spec.b','message':'spec.b: worse'},"
          "{'field':'metadata','message':'is invalid'},{'field':'x'},7]}}",
          422, LULL_ERROR_INVALID, "snapshot is invalid; spec.a: wrong; spec.b: worse");
    check("{'details':{'causes':[{'message':'alone'}]}}", 400, LULL_ERROR_INVALID, "alone");
}
END_TEST

START_TEST(answer_that_is_no_status_still_gives_an_error)
{
    const char *const odd[] = {NULL, "[]", "7", "'text'", "{'message':7,'reason':[],'details':'x'}"};

    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++)
        check(odd[i], 503, LULL_ERROR_LOST, "the server answered 503 without saying why");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, reason_decides_and_the_http_code_stands_in_for_it);
    tcase_add_test(tests, causes_are_told_unless_the_message_names_them_already);
    tcase_add_test(tests, answer_that_is_no_status_still_gives_an_error);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
