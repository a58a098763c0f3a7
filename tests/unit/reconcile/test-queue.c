/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/reconcile/queue.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

static const LullBackoff quick = {LULL_MSEC(1), LULL_MSEC(4), 0};

static void
take_and_finish(LullQueue *queue, const char *expected)
{
    g_autofree char *key = lull_queue_take(queue);

    ck_assert_str_eq(key, expected);
    lull_queue_done(queue, key);
}

START_TEST(test_gives_keys_in_order_of_arrival)
{
    g_autoptr(LullQueue) queue = lull_queue_new(quick);

    lull_queue_add(queue, "a");
    lull_queue_add(queue, "b");
    take_and_finish(queue, "a");
    take_and_finish(queue, "b");
}
END_TEST

START_TEST(test_a_key_added_twice_runs_once)
{
    g_autoptr(LullQueue) queue = lull_queue_new(quick);

    lull_queue_add(queue, "a");
    lull_queue_add(queue, "a");
    lull_queue_add(queue, "b");
    take_and_finish(queue, "a");
    take_and_finish(queue, "b");
}
END_TEST

START_TEST(test_a_key_added_while_it_is_worked_on_runs_again_afterwards)
{
    g_autoptr(LullQueue) queue = lull_queue_new(quick);
    g_autofree char *key = NULL;

    lull_queue_add(queue, "a");
    key = lull_queue_take(queue);
    lull_queue_add(queue, "a");
    lull_queue_add(queue, "b");
    take_and_finish(queue, "b"); /* not a: it is being worked on */
    lull_queue_done(queue, key);
    take_and_finish(queue, "a");
}
END_TEST

START_TEST(test_a_delayed_key_comes_when_it_is_due_and_the_earlier_wish_wins)
{
    g_autoptr(LullQueue) queue = lull_queue_new(quick);
    const gint64 begun = g_get_monotonic_time();

    lull_queue_add_after(queue, "late", LULL_SEC(3600));
    lull_queue_add_after(queue, "late", LULL_MSEC(20));
    lull_queue_add_after(queue, "late", LULL_SEC(3600));
    take_and_finish(queue, "late");
    ck_assert_int_ge(g_get_monotonic_time() - begun, LULL_MSEC(20));
}
END_TEST

START_TEST(test_a_key_added_meanwhile_does_not_come_twice)
{
    g_autoptr(LullQueue) queue = lull_queue_new(quick);

    lull_queue_add_after(queue, "a", LULL_MSEC(1));
    lull_queue_add(queue, "a");
    take_and_finish(queue, "a");
    lull_queue_add_after(queue, "b", LULL_MSEC(20));
    take_and_finish(queue, "b");
}
END_TEST

START_TEST(test_failures_in_a_row_wait_longer_until_one_success)
{
    g_autoptr(LullQueue) queue = lull_queue_new(quick);

    ck_assert_int_eq(lull_queue_retry(queue, "a"), LULL_MSEC(1));
    ck_assert_int_eq(lull_queue_retry(queue, "a"), LULL_MSEC(2));
    ck_assert_int_eq(lull_queue_retry(queue, "a"), LULL_MSEC(4));
    ck_assert_int_eq(lull_queue_retry(queue, "a"), LULL_MSEC(4));
    ck_assert_int_eq(lull_queue_retry(queue, "b"), LULL_MSEC(1));
    lull_queue_forget(queue, "a");
    ck_assert_int_eq(lull_queue_retry(queue, "a"), LULL_MSEC(1));
}
END_TEST

static gpointer
take_one(gpointer queue)
{
    return lull_queue_take(queue);
}

START_TEST(test_closing_wakes_those_who_wait)
{
    g_autoptr(LullQueue) queue = lull_queue_new(quick);
    GThread *thread = g_thread_new("taker", take_one, queue);

    lull_queue_close(queue);
    ck_assert_ptr_null(g_thread_join(thread));
    lull_queue_add(queue, "a");
    ck_assert_ptr_null(lull_queue_take(queue));
}
END_TEST

#define N_KEYS   7
#define N_ADDERS 4
#define N_TAKERS 4
#define N_ROUNDS 2000

typedef struct {
    LullQueue *queue;
    gint wanted[N_KEYS];  /* written by adders before they add */
    gint seen[N_KEYS];    /* the highest `wanted` that a run has seen */
    gint running[N_KEYS]; /* how many run it now */
    gint twice;
} Storm;

static gpointer
add_many(gpointer data)
{
    Storm *storm = data;

    for (int i = 0; i < N_ROUNDS; i++) {
        const int key = i % N_KEYS;
        const char name[] = {(char)('a' + key), '\0'};

        g_atomic_int_inc(&storm->wanted[key]);
        if (i % 3)
            lull_queue_add(storm->queue, name);
        else
            lull_queue_add_after(storm->queue, name, i % 50);
    }
    return NULL;
}

static gpointer
take_many(gpointer data)
{
    Storm *storm = data;
    char *name = NULL;

    while ((name = lull_queue_take(storm->queue))) {
        const int key = name[0] - 'a';

        if (g_atomic_int_add(&storm->running[key], 1) != 0)
            g_atomic_int_set(&storm->twice, 1);
        g_atomic_int_set(&storm->seen[key], g_atomic_int_get(&storm->wanted[key]));
        g_atomic_int_add(&storm->running[key], -1);
        lull_queue_done(storm->queue, name);
        g_free(name);
    }
    return NULL;
}

static gboolean
all_seen(Storm *storm)
{
    for (int i = 0; i < N_KEYS; i++)
        if (g_atomic_int_get(&storm->seen[i]) != g_atomic_int_get(&storm->wanted[i]))
            return FALSE;
    return TRUE;
}

START_TEST(test_under_concurrency_no_key_runs_twice_at_once_and_no_wish_is_lost)
{
    Storm storm = {.queue = lull_queue_new(quick)};
    GThread *adders[N_ADDERS], *takers[N_TAKERS];

    for (int i = 0; i < N_TAKERS; i++)
        takers[i] = g_thread_new("taker", take_many, &storm);
    for (int i = 0; i < N_ADDERS; i++)
        adders[i] = g_thread_new("adder", add_many, &storm);
    for (int i = 0; i < N_ADDERS; i++)
        g_thread_join(adders[i]);
    for (int i = 0; i < 10000 && !all_seen(&storm); i++)
        g_usleep(1000);
    lull_queue_close(storm.queue);
    for (int i = 0; i < N_TAKERS; i++)
        g_thread_join(takers[i]);
    ck_assert(all_seen(&storm));
    ck_assert_int_eq(storm.twice, 0);
    lull_queue_free(storm.queue);
}
END_TEST

static gboolean
has(LullMetrics *metrics, const char *line)
{
    GString *text = lull_metrics_text(metrics);
    const gboolean found = strstr(text->str, line) != NULL;

    g_string_free(text, TRUE);
    return found;
}

START_TEST(test_what_waits_is_counted)
{
    g_autoptr(LullMetrics) metrics = lull_metrics_new();
    g_autoptr(LullQueue) queue = lull_queue_new(quick);
    const LullQueueSeries series = lull_metrics_queue(metrics, "q");
    g_autofree char *key = NULL;

    lull_queue_set_series(queue, &series);
    lull_queue_add(queue, "a");
    lull_queue_add(queue, "a");
    lull_queue_add(queue, "b");
    ck_assert(has(metrics, "workqueue_depth{name=\"q\"} 2\n"));
    key = lull_queue_take(queue);
    lull_queue_add(queue, "a"); /* again, afterwards */
    ck_assert(has(metrics, "workqueue_depth{name=\"q\"} 1\n"));
    lull_queue_done(queue, key);
    ck_assert(has(metrics, "workqueue_depth{name=\"q\"} 2\n"));
    ck_assert(has(metrics, "workqueue_adds_total{name=\"q\"} 3\n"));
    take_and_finish(queue, "b");
    take_and_finish(queue, "a");
    (void)lull_queue_retry(queue, "a");
    ck_assert(has(metrics, "workqueue_retries_total{name=\"q\"} 1\n"));
    ck_assert(has(metrics, "workqueue_depth{name=\"q\"} 0\n"));
    ck_assert(has(metrics, "workqueue_queue_duration_seconds_count{name=\"q\"} 3\n"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("queue");
    TCase *tcase = tcase_create("queue");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_gives_keys_in_order_of_arrival);
    tcase_add_test(tcase, test_a_key_added_twice_runs_once);
    tcase_add_test(tcase, test_a_key_added_while_it_is_worked_on_runs_again_afterwards);
    tcase_add_test(tcase, test_a_delayed_key_comes_when_it_is_due_and_the_earlier_wish_wins);
    tcase_add_test(tcase, test_a_key_added_meanwhile_does_not_come_twice);
    tcase_add_test(tcase, test_failures_in_a_row_wait_longer_until_one_success);
    tcase_add_test(tcase, test_closing_wakes_those_who_wait);
    tcase_add_test(tcase, test_under_concurrency_no_key_runs_twice_at_once_and_no_wish_is_lost);
    tcase_add_test(tcase, test_what_waits_is_counted);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
