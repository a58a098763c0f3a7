/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "protocol/error.h"
#include "protocol/frame.h"
#include "tests/lib/check-main.h"

#define MAX_BYTES 4096
#define MAX_DEPTH 8

static LullFrame *
new_frame(void)
{
    return lull_frame_new(MAX_BYTES, MAX_DEPTH);
}

/* Takes all there is: messages joined by "|", a bad one as "!". */
static void
drain(LullFrame *frame, GString *seen)
{
    for (;;) {
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        gsize length = 0;
        const LullFrameKind kind = lull_frame_next(frame, &text, &length, &error);

        if (kind == LULL_FRAME_NONE)
            return;
        if (seen->len > 0)
            g_string_append_c(seen, '|');
        if (kind == LULL_FRAME_BAD) {
            ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
            g_string_append_c(seen, '!');
            continue;
        }
        ck_assert_uint_eq(length, strlen(text));
        g_string_append(seen, text);
    }
}

typedef struct {
    const char *in;
    const char *out;
} Story;

static const Story stories[] = {
    {"", ""},
    {" \r\n\t", ""},
    {"{}", "{}"},
    {"{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}|{\"b\":2}"},
    {"{\"a\":1}{\"b\":2}", "{\"a\":1}|{\"b\":2}"},
    {"{\"a\":\"}{\\\"\"}", "{\"a\":\"}{\\\"\"}"},
    {"{'a':'}\\''}", "{'a':'}\\''}"},
    {"{\n\"a\"\n:\n{\n}\n}", "{\n\"a\"\n:\n{\n}\n}"},
    {"[1,[2]]", "[1,[2]]"},
    /* resync */
    {"{\"half\":\xff{\"b\":2}", "{\"b\":2}"},
    {"{\"half\":\"str\xff{\"b\":2}", "{\"b\":2}"},
    {"\xff\xff\xff{\"b\":2}", "{\"b\":2}"},
    {"hello\xff{\"b\":2}", "!|{\"b\":2}"},
    /* one error for one bad message */
    {"hello world\n{\"b\":2}", "!|{\"b\":2}"},
    {"}\n{\"b\":2}", "!|{\"b\":2}"},
    {"AT\r\nAT\r\n{}", "!|!|{}"},
    {"{\"a\":\"x\ny\"}\n{}", "!|!|{}"},
    {"{\"a\":\"\\\n{}", "!|{}"},
    {"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]\n{}", "!|{}"},
    {"{\"a\":{} {}}\n{}", "!|{}"},
    /* what a client whose request was cut left behind */
    {"{\"execute\":\"guest-pi\n{\"b\":2}\n", "!|{\"b\":2}"},
    {"{\"execute\":\n{\"b\":2}\n{\"c\":3}\n", "!|{\"c\":3}"},
};

START_TEST(test_finds_the_messages_however_the_bytes_are_split)
{
    const Story *story = &stories[_i];
    const gsize length = strlen(story->in);

    for (gsize first = 0; first <= length; first++) {
        for (gsize second = first; second <= length; second++) {
            g_autoptr(LullFrame) frame = new_frame();
            g_autoptr(GString) seen = g_string_new(NULL);

            lull_frame_feed(frame, story->in, first);
            drain(frame, seen);
            lull_frame_feed(frame, story->in + first, second - first);
            drain(frame, seen);
            lull_frame_feed(frame, story->in + second, length - second);
            drain(frame, seen);
            ck_assert_str_eq(seen->str, story->out);
        }
    }
}
END_TEST

START_TEST(test_finds_the_messages_byte_by_byte)
{
    const Story *story = &stories[_i];
    g_autoptr(LullFrame) frame = new_frame();
    g_autoptr(GString) seen = g_string_new(NULL);

    for (gsize i = 0; story->in[i]; i++) {
        lull_frame_feed(frame, story->in + i, 1);
        drain(frame, seen);
    }
    ck_assert_str_eq(seen->str, story->out);
}
END_TEST

static char *
message_of(gsize bytes)
{
    g_autofree char *filling = g_strnfill(bytes - strlen("{\"a\":\"\"}"), 'x');

    return g_strdup_printf("{\"a\":\"%s\"}", filling);
}

START_TEST(test_takes_a_message_of_the_largest_size)
{
    g_autoptr(LullFrame) frame = new_frame();
    g_autoptr(GString) seen = g_string_new(NULL);
    g_autofree char *text = message_of(MAX_BYTES);

    lull_frame_feed(frame, text, strlen(text));
    drain(frame, seen);
    ck_assert_str_eq(seen->str, text);
}
END_TEST

START_TEST(test_refuses_a_larger_one_once_and_goes_on_after_the_newline)
{
    g_autoptr(LullFrame) frame = new_frame();
    g_autoptr(GString) seen = g_string_new(NULL);
    g_autofree char *text = message_of(3 * MAX_BYTES);

    lull_frame_feed(frame, text, strlen(text));
    drain(frame, seen);
    lull_frame_feed(frame, "\n{}", 3);
    drain(frame, seen);
    ck_assert_str_eq(seen->str, "!|{}");
}
END_TEST

START_TEST(test_takes_the_deepest_nesting_allowed_and_not_one_more)
{
    for (guint depth = 1; depth <= MAX_DEPTH + 1; depth++) {
        g_autoptr(LullFrame) frame = new_frame();
        g_autoptr(GString) seen = g_string_new(NULL);
        g_autofree char *open = g_strnfill(depth, '[');
        g_autofree char *close = g_strnfill(depth, ']');
        g_autofree char *text = g_strconcat(open, close, NULL);

        lull_frame_feed(frame, text, strlen(text));
        drain(frame, seen);
        ck_assert_str_eq(seen->str, depth <= MAX_DEPTH ? text : "!");
    }
}
END_TEST

/* One bracket and a comma between each two numbers. */
static char *
array_of(guint tokens)
{
    GString *text = g_string_new("[0");

    for (guint i = 1; i < tokens; i++)
        g_string_append(text, ",0");
    g_string_append_c(text, ']');
    return g_string_free(text, FALSE);
}

START_TEST(test_takes_the_largest_number_of_tokens_and_not_one_more)
{
    for (guint more = 0; more < 2; more++) {
        g_autoptr(LullFrame) frame = lull_frame_new(LULL_FRAME_MAX_BYTES, MAX_DEPTH);
        g_autoptr(GString) seen = g_string_new(NULL);
        g_autofree char *text = array_of(LULL_FRAME_MAX_TOKENS + more);
        g_autofree char *expected = g_strconcat(more ? "!" : text, "|{}", NULL);

        lull_frame_feed(frame, text, strlen(text));
        lull_frame_feed(frame, "\n{}", 3);
        drain(frame, seen);
        ck_assert_str_eq(seen->str, expected);
    }
}
END_TEST

START_TEST(test_forgets_a_half_message_at_reset)
{
    g_autoptr(LullFrame) frame = new_frame();
    g_autoptr(GString) seen = g_string_new(NULL);

    lull_frame_feed(frame, "{\"execute\":\"gu", 14);
    drain(frame, seen);
    lull_frame_reset(frame);
    lull_frame_feed(frame, "{}", 2);
    drain(frame, seen);
    ck_assert_str_eq(seen->str, "{}");
}
END_TEST

START_TEST(test_survives_any_single_byte_after_any_prefix)
{
    const char *request = "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":[1,'x']}}";

    for (gsize cut = 0; cut < strlen(request); cut++) {
        for (int byte = 0; byte < 256; byte++) {
            const guint8 garbage = (guint8)byte;
            g_autoptr(LullFrame) frame = new_frame();
            g_autoptr(GString) seen = g_string_new(NULL);

            lull_frame_feed(frame, request, cut);
            lull_frame_feed(frame, &garbage, 1);
            drain(frame, seen);
            lull_frame_feed(frame, "\xff{\"last\":1}", 11);
            drain(frame, seen);
            ck_assert(g_str_has_suffix(seen->str, "{\"last\":1}"));
        }
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("frame");
    TCase *tcase = tcase_create("frame");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, test_finds_the_messages_however_the_bytes_are_split, 0, G_N_ELEMENTS(stories));
    tcase_add_loop_test(tcase, test_finds_the_messages_byte_by_byte, 0, G_N_ELEMENTS(stories));
    tcase_add_test(tcase, test_takes_a_message_of_the_largest_size);
    tcase_add_test(tcase, test_refuses_a_larger_one_once_and_goes_on_after_the_newline);
    tcase_add_test(tcase, test_takes_the_deepest_nesting_allowed_and_not_one_more);
    tcase_add_test(tcase, test_takes_the_largest_number_of_tokens_and_not_one_more);
    tcase_add_test(tcase, test_forgets_a_half_message_at_reset);
    tcase_add_test(tcase, test_survives_any_single_byte_after_any_prefix);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
