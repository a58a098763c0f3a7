/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/retry.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define NOW LULL_SEC(1000)

static LullRetryView
view_of(LullTryEnd end, long http, gboolean repeatable)
{
    return (LullRetryView){.end = end,
                           .http = http,
                           .repeatable = repeatable,
                           .tries = 1,
                           .now = NOW,
                           .begun = NOW,
                           .deadline = NOW + LULL_SEC(30)};
}

static LullRetryVerb
decide(const LullRetryView *view)
{
    gint64 wait;

    return lull_retry_decide(view, &wait);
}

START_TEST(only_what_cannot_have_happened_or_may_happen_twice_is_repeated)
{
    static const struct {
        LullTryEnd end;
        long http;
        LullRetryVerb once, repeatable;
    } cases[] = {
        {LULL_TRY_UNSENT, 0, LULL_RETRY_WAIT, LULL_RETRY_WAIT},
        {LULL_TRY_UNKNOWN, 0, LULL_RETRY_NO, LULL_RETRY_WAIT},
        {LULL_TRY_UNTRUSTED, 0, LULL_RETRY_RENEW, LULL_RETRY_RENEW},
        {LULL_TRY_ANSWERED, 200, LULL_RETRY_NO, LULL_RETRY_NO},
        {LULL_TRY_ANSWERED, 400, LULL_RETRY_NO, LULL_RETRY_NO},
        {LULL_TRY_ANSWERED, 401, LULL_RETRY_RENEW, LULL_RETRY_RENEW},
        {LULL_TRY_ANSWERED, 403, LULL_RETRY_NO, LULL_RETRY_NO},
        {LULL_TRY_ANSWERED, 404, LULL_RETRY_NO, LULL_RETRY_NO},
        {LULL_TRY_ANSWERED, 409, LULL_RETRY_NO, LULL_RETRY_NO},
        {LULL_TRY_ANSWERED, 410, LULL_RETRY_NO, LULL_RETRY_NO},
        {LULL_TRY_ANSWERED, 422, LULL_RETRY_NO, LULL_RETRY_NO},
        {LULL_TRY_ANSWERED, 429, LULL_RETRY_WAIT, LULL_RETRY_WAIT},
        {LULL_TRY_ANSWERED, 500, LULL_RETRY_NO, LULL_RETRY_WAIT},
        {LULL_TRY_ANSWERED, 501, LULL_RETRY_NO, LULL_RETRY_NO},
        {LULL_TRY_ANSWERED, 502, LULL_RETRY_NO, LULL_RETRY_WAIT},
        {LULL_TRY_ANSWERED, 503, LULL_RETRY_NO, LULL_RETRY_WAIT},
        {LULL_TRY_ANSWERED, 504, LULL_RETRY_NO, LULL_RETRY_WAIT},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const LullRetryView once = view_of(cases[i].end, cases[i].http, FALSE);
        const LullRetryView repeatable = view_of(cases[i].end, cases[i].http, TRUE);
        ck_assert_int_eq(decide(&once), cases[i].once);
        ck_assert_int_eq(decide(&repeatable), cases[i].repeatable);
    }
}
END_TEST

START_TEST(credentials_are_read_again_once)
{
    LullRetryView view = view_of(LULL_TRY_ANSWERED, 401, TRUE);

    view.renewed = TRUE;
    ck_assert_int_eq(decide(&view), LULL_RETRY_NO);
    view.end = LULL_TRY_UNTRUSTED;
    ck_assert_int_eq(decide(&view), LULL_RETRY_NO);
}
END_TEST

START_TEST(waits_grow_and_heed_the_server)
{
    gint64 last = 0;

    for (guint tries = 1; tries < 10; tries++)
        for (guint random = 0; random < 1024; random += 341) {
            LullRetryView view = view_of(LULL_TRY_ANSWERED, 503, TRUE);
            gint64 wait = 0;
            view.tries = tries;
            view.random = random;
            ck_assert_int_eq(lull_retry_decide(&view, &wait), LULL_RETRY_WAIT);
            ck_assert_int_gt(wait, 0);
            ck_assert_int_le(wait, LULL_SEC(4));
            if (random == 0)
                ck_assert_int_ge(wait, last);
            last = random == 0 ? wait : last;
            view.retry_after = LULL_SEC(7);
            ck_assert_int_eq(lull_retry_decide(&view, &wait), LULL_RETRY_WAIT);
            ck_assert_int_eq(wait, LULL_SEC(7));
        }
}
END_TEST

START_TEST(nothing_is_waited_for_that_comes_too_late)
{
    LullRetryView view = view_of(LULL_TRY_ANSWERED, 429, TRUE);

    view.retry_after = LULL_SEC(30);
    ck_assert_int_eq(decide(&view), LULL_RETRY_NO);
    view = view_of(LULL_TRY_UNSENT, 0, TRUE);
    view.begun = NOW - LULL_SEC(6); /* nobody is there */
    ck_assert_int_eq(decide(&view), LULL_RETRY_NO);
    view = view_of(LULL_TRY_UNKNOWN, 0, TRUE);
    view.tries = 10;
    ck_assert_int_eq(decide(&view), LULL_RETRY_NO);
    view.tries = 2;
    view.deadline = NOW;
    ck_assert_int_eq(decide(&view), LULL_RETRY_NO);
}
END_TEST

START_TEST(the_servers_words_are_seconds_or_a_date)
{
    static const struct {
        const char *value;
        gint64 usec;
    } cases[] = {
        {"0", 0},
        {"1", LULL_SEC(1)},
        {"120", LULL_SEC(120)},
        {"99999999999999999999999", LULL_SEC(3600)},
        {"1.5", 0},
        {"-1", 0},
        {"", 0},
        {"soon", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", LULL_SEC(37)},
        {"Sun, 06 Nov 1994 08:48:59 GMT", 0},
        {"Sun, 06 Nov 2094 08:49:37 GMT", LULL_SEC(3600)},
        {"Sun, 06 Foo 1994 08:49:37 GMT", 0},
        {"Sun, xx Nov yyyy zz:49:37 GMT", 0},
        {"a b Nov c d e", 0},
    };
    gint64 then = 0;

    ck_assert(lull_clock_parse("1994-11-06T08:49:00Z", &then));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        ck_assert_msg(lull_retry_after_parse(cases[i].value, then) == cases[i].usec, "%s", cases[i].value);
}
END_TEST

static Suite *
make_suite(void)
{
    const TTest *const tests[] = {
        only_what_cannot_have_happened_or_may_happen_twice_is_repeated,
        credentials_are_read_again_once,
        waits_grow_and_heed_the_server,
        nothing_is_waited_for_that_comes_too_late,
        the_servers_words_are_seconds_or_a_date,
    };
    Suite *suite = suite_create("retry");
    TCase *tcase = tcase_create("all");

    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
