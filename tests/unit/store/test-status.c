/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/status.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static const struct {
    int code, status;
    const char *reason;
} rows[] = {
    {LULL_ERROR_FAILED, 500, "InternalError"},    {LULL_ERROR_INVALID, 422, "Invalid"},
    {LULL_ERROR_NOT_FOUND, 404, "NotFound"},      {LULL_ERROR_EXISTS, 409, "AlreadyExists"},
    {LULL_ERROR_CONFLICT, 409, "Conflict"},       {LULL_ERROR_DENIED, 405, "MethodNotAllowed"},
    {LULL_ERROR_EXPIRED, 410, "Expired"},         {LULL_ERROR_TIMED_OUT, 504, "Timeout"},
    {LULL_ERROR_LOST, 503, "ServiceUnavailable"}, {999, 500, "InternalError"},
};

START_TEST(every_error_has_its_status)
{
    g_autoptr(GError) error = g_error_new(LULL_ERROR, rows[_i].code, "what went wrong");
    g_autoptr(LullJson) status = lull_status_from_error(error);

    ck_assert_int_eq(lull_status_code(status), rows[_i].status);
    ck_assert_str_eq(lull_json_string(status, "reason", ""), rows[_i].reason);
    ck_assert_str_eq(lull_json_string(status, "message", ""), "what went wrong");
    ck_assert_str_eq(lull_json_string(status, "status", ""), "Failure");
}
END_TEST

START_TEST(a_strange_error_is_an_internal_one)
{
    g_autoptr(GError) error = g_error_new(G_FILE_ERROR, LULL_ERROR_NOT_FOUND, "what went wrong");
    g_autoptr(LullJson) status = lull_status_from_error(error);

    ck_assert_int_eq(lull_status_code(status), 500);
}
END_TEST

static const struct {
    const char *message, *field;
} fields[] = {
    {"spec.source.kind: invalid kind", "spec.source.kind"},
    {"spec: spec in immutable after creation", "spec"},
    {"metadata.labels[\"a\"]: expected a string", "metadata.labels[\"a\"]"},
    {"store /x: the disk is full", NULL},
    {"specification: none", NULL},
    {"spec without a colon", NULL},
};

START_TEST(a_field_named_by_the_message_is_a_cause)
{
    g_autoptr(GError) error = g_error_new_literal(LULL_ERROR, LULL_ERROR_INVALID, fields[_i].message);
    g_autoptr(LullJson) status = lull_status_from_error(error);
    LullJson *causes = lull_json_array(lull_json_object(status, "details"), "causes");
    LullJson *first = causes ? json_object_array_get_idx(causes, 0) : NULL;

    ck_assert_pstr_eq(lull_json_string(first, "field", NULL), fields[_i].field);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("status");
    TCase *tcase = tcase_create("status");

    tcase_add_loop_test(tcase, every_error_has_its_status, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, a_strange_error_is_an_internal_one);
    tcase_add_loop_test(tcase, a_field_named_by_the_message_is_a_cause, 0, G_N_ELEMENTS(fields));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
