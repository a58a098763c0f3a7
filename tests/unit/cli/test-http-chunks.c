/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/http-chunks.h"

#include <string.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"

static const struct {
    const char *sent, *body;
} whole[] = {
    {"2\r\n{}\r\n0\r\n\r\n", "{}"},
    {"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "{}"},
    {"000A\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
    {"a\r\n\r\n0\r\n\r\n12\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n12\n"},
    {"0\r\n\r\n", ""},
    {"1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", "x"},
};

/* However it is cut. */
START_TEST(what_came_in_chunks_is_put_together)
{
    const gsize length = strlen(whole[_i].sent);

    for (gsize cut = 0; cut <= length; cut++) {
        g_autoptr(LullHttpChunks) chunks = lull_http_chunks_new();

        ck_assert(lull_http_chunks_add(chunks, whole[_i].sent, cut, NULL));
        ck_assert(lull_http_chunks_add(chunks, whole[_i].sent + cut, length - cut, NULL));
        ck_assert_ptr_nonnull(lull_http_chunks_body(chunks));
        ck_assert_str_eq(lull_http_chunks_body(chunks)->str, whole[_i].body);
    }
}
END_TEST

START_TEST(nothing_less_than_all_is_a_body)
{
    static const char sent[] = "2\r\n{}\r\n0\r\n\r\n";

    for (gsize cut = 0; cut < strlen(sent); cut++) {
        g_autoptr(LullHttpChunks) chunks = lull_http_chunks_new();

        ck_assert(lull_http_chunks_add(chunks, sent, cut, NULL));
        ck_assert_ptr_null(lull_http_chunks_body(chunks));
    }
}
END_TEST

static const char *const bad[] = {
    "\r\n",
    "2\n{}\r\n0\r\n\r\n",
    "2\r{}\r\n0\r\n\r\n",
    "2;name=value\r\n{}\r\n0\r\n\r\n",
    " 2\r\n{}\r\n0\r\n\r\n",
    "+2\r\n{}\r\n0\r\n\r\n",
    "-2\r\n{}\r\n0\r\n\r\n",
    "0x2\r\n{}\r\n0\r\n\r\n",
    "g\r\n",
    "2\r\n{}}\r\n0\r\n\r\n",
    "2\r\n{}\n0\r\n\r\n",
    "0\r\nTrailer: x\r\n\r\n",
    "000000002\r\n{}\r\n0\r\n\r\n",
    "ffffffff\r\n",
    "200001\r\n",
};

START_TEST(what_is_not_understood_is_refused)
{
    g_autoptr(LullHttpChunks) chunks = lull_http_chunks_new();
    g_autoptr(GError) error = NULL;

    ck_assert(!lull_http_chunks_add(chunks, bad[_i], strlen(bad[_i]), &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_ptr_null(lull_http_chunks_body(chunks));
}
END_TEST

START_TEST(many_small_chunks_are_no_way_around_the_limit)
{
    g_autoptr(LullHttpChunks) chunks = lull_http_chunks_new();
    g_autofree char *data = g_strnfill(0x10000, 'x');
    g_autofree char *chunk = g_strdup_printf("10000\r\n%s\r\n", data);
    guint n = 0;

    while (lull_http_chunks_add(chunks, chunk, strlen(chunk), NULL))
        n++;
    ck_assert_uint_eq(n, LULL_HTTP_MAX_CHUNKED / 0x10000);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("http-chunks");
    TCase *cases = tcase_create("http-chunks");

    tcase_add_loop_test(cases, what_came_in_chunks_is_put_together, 0, G_N_ELEMENTS(whole));
    tcase_add_test(cases, nothing_less_than_all_is_a_body);
    tcase_add_loop_test(cases, what_is_not_understood_is_refused, 0, G_N_ELEMENTS(bad));
    tcase_add_test(cases, many_small_chunks_are_no_way_around_the_limit);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
