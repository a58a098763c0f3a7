/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>

#include "coordinator/reconcile/jobs.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    guint ended;
    char *key;
} Bell;

static void
ring(const char *key, gpointer user_data)
{
    Bell *bell = user_data;

    pthread_mutex_lock(&bell->mutex);
    bell->ended++;
    g_free(bell->key);
    bell->key = g_strdup(key);
    pthread_cond_signal(&bell->cond);
    pthread_mutex_unlock(&bell->mutex);
}

static void
wait_for_bell(Bell *bell, guint ended)
{
    pthread_mutex_lock(&bell->mutex);
    while (bell->ended < ended)
        pthread_cond_wait(&bell->cond, &bell->mutex);
    pthread_mutex_unlock(&bell->mutex);
}

static gpointer
copy_data(gpointer data, GCancellable *cancel, GError **error)
{
    return g_strdup(data);
}

static gpointer
break_down(gpointer data, GCancellable *cancel, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_NO_SPACE, "full");
    return NULL;
}

static gpointer
until_cancelled(gpointer data, GCancellable *cancel, GError **error)
{
    while (!g_cancellable_is_cancelled(cancel))
        g_usleep(1000);
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "cancelled");
    return NULL;
}

START_TEST(test_a_job_leaves_its_result_until_it_is_dropped)
{
    g_autoptr(LullJobs) jobs = lull_jobs_new();
    Bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};
    gconstpointer result = NULL;

    ck_assert_int_eq(lull_jobs_state(jobs, "a", NULL, NULL), LULL_JOB_NONE);
    lull_jobs_start(jobs, "a", (LullJob){copy_data, g_strdup("x"), g_free, g_free}, "ns/a", ring, &bell);
    wait_for_bell(&bell, 1);
    ck_assert_str_eq(bell.key, "ns/a");
    ck_assert_int_eq(lull_jobs_state(jobs, "a", &result, NULL), LULL_JOB_DONE);
    ck_assert_str_eq(result, "x");
    lull_jobs_start(jobs, "a", (LullJob){copy_data, g_strdup("y"), g_free, g_free}, "ns/a", ring, &bell);
    ck_assert_int_eq(lull_jobs_state(jobs, "a", &result, NULL), LULL_JOB_DONE);
    ck_assert_str_eq(result, "x");
    lull_jobs_drop(jobs, "a");
    ck_assert_int_eq(lull_jobs_state(jobs, "a", NULL, NULL), LULL_JOB_NONE);
    g_free(bell.key);
}
END_TEST

START_TEST(test_a_job_that_failed_leaves_its_error)
{
    g_autoptr(LullJobs) jobs = lull_jobs_new();
    Bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};
    const GError *error = NULL;

    lull_jobs_start(jobs, "a", (LullJob){break_down, NULL, NULL, NULL}, "ns/a", ring, &bell);
    wait_for_bell(&bell, 1);
    ck_assert_int_eq(lull_jobs_state(jobs, "a", NULL, &error), LULL_JOB_DONE);
    ck_assert(lull_error_is(error, LULL_ERROR_NO_SPACE));
    g_free(bell.key);
}
END_TEST

START_TEST(test_a_running_job_can_be_cancelled_but_not_dropped)
{
    g_autoptr(LullJobs) jobs = lull_jobs_new();
    Bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};

    lull_jobs_start(jobs, "a", (LullJob){until_cancelled, NULL, NULL, NULL}, "ns/a", ring, &bell);
    lull_jobs_drop(jobs, "a");
    ck_assert_int_eq(lull_jobs_state(jobs, "a", NULL, NULL), LULL_JOB_RUNNING);
    lull_jobs_cancel(jobs, "a");
    wait_for_bell(&bell, 1);
    ck_assert_int_eq(lull_jobs_state(jobs, "a", NULL, NULL), LULL_JOB_DONE);
    g_free(bell.key);
}
END_TEST

static gint freed;

static void
count_free(gpointer data)
{
    g_atomic_int_inc(&freed);
}

START_TEST(test_a_job_that_is_forgotten_goes_when_it_has_ended)
{
    g_autoptr(LullJobs) jobs = lull_jobs_new();
    Bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};

    lull_jobs_forget(jobs, "a"); /* nothing of that id */
    lull_jobs_start(jobs, "a", (LullJob){until_cancelled, &bell, count_free, NULL}, "ns/a", ring, &bell);
    lull_jobs_forget(jobs, "a");
    lull_jobs_forget(jobs, "a");
    lull_jobs_drop(jobs, "a");
    ck_assert_int_eq(lull_jobs_state(jobs, "a", NULL, NULL), LULL_JOB_RUNNING);
    lull_jobs_cancel(jobs, "a");
    ck_assert(lull_jobs_stop(jobs, LULL_SEC(30)));
    ck_assert_int_eq(lull_jobs_state(jobs, "a", NULL, NULL), LULL_JOB_NONE);
    ck_assert_uint_eq(bell.ended, 1);
    ck_assert_int_eq(freed, 1);
    g_free(bell.key);
}
END_TEST

START_TEST(test_a_job_that_has_ended_is_forgotten_at_once)
{
    g_autoptr(LullJobs) jobs = lull_jobs_new();
    Bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};

    lull_jobs_start(jobs, "a", (LullJob){copy_data, g_strdup("x"), g_free, g_free}, "ns/a", ring, &bell);
    wait_for_bell(&bell, 1);
    lull_jobs_forget(jobs, "a");
    ck_assert_int_eq(lull_jobs_state(jobs, "a", NULL, NULL), LULL_JOB_NONE);
    g_free(bell.key);
}
END_TEST

static void
assert_waits(LullJobs *jobs, const char *id, const char *what)
{
    g_autofree char *told = lull_jobs_wait(jobs, id);

    ck_assert_pstr_eq(told, what);
}

START_TEST(test_a_change_of_what_is_waited_for_is_told_once)
{
    static const char *const told[] = {NULL, "a merge", "a merge", "a backup", NULL};
    static const guint news[] = {0, 1, 1, 2, 3};
    g_autoptr(LullJobs) jobs = lull_jobs_new();
    Bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};

    lull_jobs_start(jobs, "a", (LullJob){until_cancelled, NULL, NULL, NULL}, "ns/a", ring, &bell);
    for (guint i = 0; i < G_N_ELEMENTS(told); i++) {
        lull_jobs_tell_wait(jobs, "a", told[i]);
        assert_waits(jobs, "a", told[i]);
        ck_assert_uint_eq(bell.ended, news[i]);
    }
    assert_waits(jobs, "b", NULL);
    lull_jobs_cancel(jobs, "a");
    wait_for_bell(&bell, 4);
    g_free(bell.key);
}
END_TEST

START_TEST(test_stopping_ends_all_and_starts_none)
{
    g_autoptr(LullJobs) jobs = lull_jobs_new();
    Bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};

    for (char c = 'a'; c < 'f'; c++) {
        const char id[] = {c, '\0'};

        lull_jobs_start(jobs, id, (LullJob){until_cancelled, NULL, NULL, NULL}, "ns/a", ring, &bell);
    }
    ck_assert(lull_jobs_stop(jobs, LULL_SEC(30)));
    lull_jobs_start(jobs, "late", (LullJob){copy_data, g_strdup("x"), g_free, g_free}, "ns/a", ring, &bell);
    ck_assert_int_eq(lull_jobs_state(jobs, "late", NULL, NULL), LULL_JOB_NONE);
    ck_assert_uint_eq(bell.ended, 5);
    g_free(bell.key);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("jobs");
    TCase *tcase = tcase_create("jobs");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_a_job_leaves_its_result_until_it_is_dropped);
    tcase_add_test(tcase, test_a_job_that_failed_leaves_its_error);
    tcase_add_test(tcase, test_a_running_job_can_be_cancelled_but_not_dropped);
    tcase_add_test(tcase, test_a_job_that_is_forgotten_goes_when_it_has_ended);
    tcase_add_test(tcase, test_a_job_that_has_ended_is_forgotten_at_once);
    tcase_add_test(tcase, test_a_change_of_what_is_waited_for_is_told_once);
    tcase_add_test(tcase, test_stopping_ends_all_and_starts_none);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
