/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/metrics/health.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

static LullHealth *health;

static void
setup(void)
{
    health = lull_health_new(LULL_MSEC(200));
}

static void
teardown(void)
{
    g_clear_pointer(&health, lull_health_free);
}

static void
must_say(const char *expected)
{
    g_autofree char *text = lull_health_unready(health);

    ck_assert_pstr_eq(text, expected);
}

START_TEST(test_one_is_ready_unless_something_is_in_the_way)
{
    must_say(NULL);
    lull_health_say(health, "store", "it is away");
    lull_health_say(health, "group", "virt-controller owns it");
    lull_health_say(health, "store", "it is still away");
    must_say("group: virt-controller owns it\nstore: it is still away\n");
    lull_health_say(health, "group", NULL);
    lull_health_say(health, "never", NULL);
    must_say("store: it is still away\n");
    lull_health_say(health, "store", NULL);
    must_say(NULL);
}
END_TEST

static char *
look(gpointer user_data)
{
    return g_strdup(*(const char **)user_data);
}

START_TEST(test_what_is_asked_for_is_as_it_is_now)
{
    const char *answer = "it hangs";

    lull_health_ask(health, "libvirt", look, &answer);
    must_say("libvirt: it hangs\n");
    answer = NULL;
    must_say(NULL);
}
END_TEST

START_TEST(test_a_reason_stays_on_its_line_and_has_an_end)
{
    g_autofree char *endless = g_strnfill(1 << 20, 'x');
    g_autofree char *text = NULL;

    lull_health_say(health, "store", "one\nstore: two\r\033[31m\377");
    must_say("store: one store: two  [31m\357\277\275\n");
    lull_health_say(health, "store", endless);
    text = lull_health_unready(health);
    ck_assert_uint_lt(strlen(text), 1024);
}
END_TEST

START_TEST(test_who_wants_to_know_nothing_is_told_nothing)
{
    lull_health_say(NULL, "store", "it is away");
    lull_health_ask(NULL, "libvirt", look, NULL);
    lull_health_listen(NULL, NULL);
}
END_TEST

START_TEST(test_a_main_loop_that_does_not_turn_is_not_alive_until_it_does)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    char *stalled = lull_health_stalled(health);

    ck_assert_ptr_null(stalled); /* nobody listens yet */
    lull_health_listen(health, context);
    while (!(stalled = lull_health_stalled(health)))
        g_usleep(10000);
    ck_assert_ptr_nonnull(strstr(stalled, "the main loop has stood still"));
    for (; stalled; stalled = lull_health_stalled(health)) {
        g_free(stalled);
        g_main_context_iteration(context, FALSE);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("health");
    TCase *tcase = tcase_create("health");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_one_is_ready_unless_something_is_in_the_way);
    tcase_add_test(tcase, test_what_is_asked_for_is_as_it_is_now);
    tcase_add_test(tcase, test_a_reason_stays_on_its_line_and_has_an_end);
    tcase_add_test(tcase, test_who_wants_to_know_nothing_is_told_nothing);
    tcase_add_test(tcase, test_a_main_loop_that_does_not_turn_is_not_alive_until_it_does);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
