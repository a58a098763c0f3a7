/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/metrics/metrics.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define KUBEVIRT \
    "kubevirt_vmsnapshot_succeeded_timestamp_seconds{name=\"web\",snapshot_name=\"s\",namespace=\"n\"}"

static LullMetrics *metrics;

static void
setup(void)
{
    metrics = lull_metrics_new();
}

static void
teardown(void)
{
    g_clear_pointer(&metrics, lull_metrics_free);
}

/* The value of a series, named as it is told; NULL: it is not. Lent until the next call. */
static const char *
value_of(const char *series)
{
    static char value[64];
    g_autofree char *begin = g_strdup_printf("\n%s ", series);
    GString *text = lull_metrics_text(metrics);
    const char *found = strstr(text->str, begin);

    if (found)
        (void)g_strlcpy(value, found + strlen(begin),
                        MIN(sizeof value, strcspn(found + strlen(begin), "\n") + 1));
    g_string_free(text, TRUE);
    return found ? value : NULL;
}

#define must_be(series, value) ck_assert_pstr_eq(value_of(series), value)

static LullAttemptFacts
attempt(LullResult result)
{
    return (LullAttemptFacts){.result = result,
                              .asked = TRUE,
                              .agent = "stock",
                              .level = "crash",
                              .proof = "broken",
                              .witness = "noisy",
                              .why = "noisy",
                              .prepare_usec = -1,
                              .freeze_usec = LULL_MSEC(2),
                              .cut_usec = LULL_MSEC(20),
                              .thaw_usec = -1,
                              .window_usec = LULL_MSEC(30)};
}

START_TEST(test_who_asked_for_no_figures_gets_none)
{
    const LullAttemptFacts facts = attempt(LULL_RESULT_FAILED);

    lull_metrics_attempt(NULL, &facts);
    lull_metrics_set_leader(NULL, TRUE);
    lull_metrics_request(NULL, "GET", 200, 1);
    lull_metrics_watch_restart(NULL);
    lull_metrics_snapshot(NULL, NULL, FALSE);
    lull_metrics_restore(NULL, NULL, FALSE);
    ck_assert_ptr_null(lull_metrics_frozen(NULL));
    ck_assert_ptr_null(lull_metrics_queue(NULL, "snapshot").depth);
    lull_series_add(NULL, 1);
    lull_series_observe(NULL, 1);
}
END_TEST

START_TEST(test_the_version_is_told)
{
    must_be("lull_build_info{version=\"" LULL_VERSION "\"}", "1");
}
END_TEST

START_TEST(test_each_result_of_an_attempt_is_counted_by_its_name)
{
    const LullAttemptFacts facts = attempt(_i);

    lull_metrics_attempt(metrics, &facts);
    lull_metrics_attempt(metrics, &facts);
    for (guint i = 0; i < LULL_RESULT_N; i++) {
        g_autofree char *series =
            g_strdup_printf("lull_attempts_total{result=\"%s\"}", lull_result_to_string(i));

        must_be(series, i == (guint)_i ? "2" : "0");
    }
}
END_TEST

START_TEST(test_what_an_attempt_came_to_is_told)
{
    const LullAttemptFacts facts = attempt(LULL_RESULT_NOT_QUIESCED);

    lull_metrics_attempt(metrics, &facts);
    must_be("lull_cuts_total{level=\"crash\",proof=\"broken\",witness=\"noisy\"}", "1");
    must_be("lull_quiesce_failures_total{reason=\"noisy\"}", "1");
    must_be("lull_quiesce_failures_total{reason=\"lease_expired\"}", "0");
    must_be("lull_freeze_window_seconds_sum{agent=\"stock\"}", "0.03");
    must_be("lull_freeze_window_seconds_bucket{agent=\"stock\",le=\"0.025\"}", "0");
    must_be("lull_freeze_window_seconds_bucket{agent=\"stock\",le=\"0.05\"}", "1");
    must_be("lull_freeze_window_seconds_count{agent=\"lull\"}", "0");
    must_be("lull_cut_seconds_count", "1");
    must_be("lull_thaw_seconds_count{agent=\"stock\"}", "0"); /* it did not tell */
    must_be("lull_thaws_unconfirmed_total", "0");
}
END_TEST

START_TEST(test_an_agent_of_another_name_makes_no_series)
{
    LullAttemptFacts facts = attempt(LULL_RESULT_NOT_QUIESCED);

    facts.agent = "evil";
    lull_metrics_attempt(metrics, &facts);
    ck_assert_ptr_null(value_of("lull_freeze_window_seconds_count{agent=\"evil\"}"));
}
END_TEST

START_TEST(test_who_is_frozen_is_told_as_long_as_he_is)
{
    LullFrozenPlace *one = lull_frozen_take(lull_metrics_frozen(metrics));
    LullFrozenPlace *other = lull_frozen_take(lull_metrics_frozen(metrics));

    must_be("lull_frozen_guests", "0");
    must_be("lull_oldest_frozen_guest_age_seconds", "0");
    lull_frozen_begin(one, lull_clock_boottime() - LULL_SEC(7));
    lull_frozen_begin(other, lull_clock_boottime() - LULL_SEC(70));
    must_be("lull_frozen_guests", "2");
    ck_assert(g_str_has_prefix(value_of("lull_oldest_frozen_guest_age_seconds"), "70."));
    lull_frozen_end(other);
    must_be("lull_frozen_guests", "1");
    lull_frozen_give_back(one);
    lull_frozen_give_back(other);
    must_be("lull_frozen_guests", "0");
}
END_TEST

START_TEST(test_places_have_an_end_and_come_back)
{
    LullFrozen *frozen = lull_metrics_frozen(metrics);
    g_autoptr(GPtrArray) places = g_ptr_array_new();
    LullFrozenPlace *place = NULL;

    while ((place = lull_frozen_take(frozen)) && places->len < 100000)
        g_ptr_array_add(places, place);
    ck_assert_uint_ge(places->len, 500);
    ck_assert_ptr_null(place);
    lull_frozen_begin(place, 1);
    lull_frozen_end(place);
    lull_frozen_give_back(place);
    for (guint i = 0; i < places->len; i++)
        lull_frozen_give_back(places->pdata[i]);
    ck_assert_ptr_nonnull(lull_frozen_take(frozen));
    ck_assert_ptr_null(lull_frozen_take(NULL));
}
END_TEST

static const struct {
    const char *method;
    long http;
    const char *code;
} requests[] = {
    {"GET", 200, "200"},    {"POST", 201, "201"}, {"PATCH", 409, "409"},
    {"DELETE", 404, "404"}, {"PUT", 429, "429"},  {"GET", 0, "<error>"},
    {"GET", 418, "other"},  {"GET", -1, "other"}, {"PATCH", 99999, "other"},
};

START_TEST(test_requests_are_counted_by_method_and_code)
{
    g_autofree char *series = g_strdup_printf("rest_client_requests_total{code=\"%s\",method=\"%s\"}",
                                              requests[_i].code, requests[_i].method);
    g_autofree char *spans =
        g_strdup_printf("rest_client_request_duration_seconds_sum{method=\"%s\"}", requests[_i].method);

    ck_assert_ptr_null(value_of(series));
    lull_metrics_request(metrics, requests[_i].method, requests[_i].http, LULL_MSEC(1500));
    must_be(series, "1");
    must_be(spans, "1.5");
}
END_TEST

START_TEST(test_a_server_is_away_from_a_request_that_it_does_not_answer_until_one_that_it_does)
{
    ck_assert(!lull_metrics_server_is_away(NULL));
    ck_assert(!lull_metrics_server_is_away(metrics));
    lull_metrics_request(metrics, "GET", 0, 1);
    ck_assert(lull_metrics_server_is_away(metrics));
    lull_metrics_request(metrics, "PATCH", 503, 1);
    ck_assert(!lull_metrics_server_is_away(metrics));
}
END_TEST

START_TEST(test_a_method_that_is_none_is_not_counted)
{
    lull_metrics_request(metrics, "BREW", 200, 1);
    ck_assert_ptr_null(value_of("rest_client_requests_total{code=\"200\",method=\"BREW\"}"));
}
END_TEST

START_TEST(test_queues_are_told_by_their_names)
{
    const LullQueueSeries queue = lull_metrics_queue(metrics, "snapshot");

    must_be("workqueue_depth{name=\"snapshot\"}", "0");
    lull_series_add(queue.depth, 3);
    lull_series_add(queue.depth, -1);
    lull_series_add(queue.adds, 3);
    lull_series_observe(queue.waited, LULL_MSEC(2));
    must_be("workqueue_depth{name=\"snapshot\"}", "2");
    must_be("workqueue_adds_total{name=\"snapshot\"}", "3");
    must_be("workqueue_retries_total{name=\"snapshot\"}", "0");
    must_be("workqueue_queue_duration_seconds_count{name=\"snapshot\"}", "1");
    must_be("workqueue_work_duration_seconds_count{name=\"snapshot\"}", "0");
}
END_TEST

START_TEST(test_who_leads_is_told)
{
    must_be("lull_leader", "0");
    lull_metrics_set_leader(metrics, TRUE);
    lull_metrics_watch_restart(metrics);
    must_be("lull_leader", "1");
    must_be("lull_watch_restarts_total", "1");
}
END_TEST

/* Objects */

static void
see(const char *status, gboolean deleted)
{
    g_autofree char *created = lull_clock_format(lull_clock_realtime() - LULL_SEC(20));
    g_autofree char *text = g_strdup_printf(
        "{\"metadata\": {\"namespace\": \"n\", \"name\": \"s\", \"creationTimestamp\": \"%s\"},"
        " \"spec\": {\"source\": {\"name\": \"web\"}}, \"status\": %s}",
        created, status);
    g_autoptr(LullJson) snapshot = lull_json_parse(text, -1, NULL);

    ck_assert_ptr_nonnull(snapshot);
    lull_metrics_snapshot(metrics, snapshot, deleted);
}

#define PROGRESSING "{\"phase\": \"InProgress\"}"
#define SUCCEEDED   "{\"phase\": \"Succeeded\", \"creationTime\": \"2026-01-02T03:04:05Z\"}"
#define READY       "{\"phase\": \"Succeeded\", \"readyToUse\": true, \"creationTime\": \"2026-01-02T03:04:05Z\"}"
#define FAILED      "{\"phase\": \"Failed\"}"
#define DELETING    "{\"phase\": \"Deleting\"}"

START_TEST(test_a_snapshot_is_timed_once_from_its_creation_until_it_is_ready)
{
    see("{}", FALSE);
    must_be("lull_snapshots{phase=\"InProgress\"}", "1");
    see(PROGRESSING, FALSE);
    see(SUCCEEDED, FALSE);
    must_be("lull_snapshot_ready_seconds_count", "0");
    must_be(KUBEVIRT, "1767323045");
    see(READY, FALSE);
    see(READY, FALSE);
    see(SUCCEEDED, FALSE); /* something of it is missing */
    must_be("lull_snapshots{phase=\"InProgress\"}", "0");
    must_be("lull_snapshots{phase=\"Succeeded\"}", "1");
    must_be("lull_snapshot_ready_seconds_count", "1");
    must_be("lull_snapshot_ready_seconds_bucket{le=\"10\"}", "0");
    must_be("lull_snapshot_ready_seconds_bucket{le=\"30\"}", "1");
    must_be("lull_snapshots_ended_total{result=\"ready\"}", "1");
}
END_TEST

START_TEST(test_what_is_gone_is_told_no_more)
{
    see(READY, FALSE);
    must_be(KUBEVIRT, "1767323045");
    see(DELETING, FALSE);
    must_be(KUBEVIRT, "1767323045");
    must_be("lull_snapshots{phase=\"Deleting\"}", "1");
    see(DELETING, TRUE);
    see(DELETING, TRUE);
    ck_assert_ptr_null(value_of(KUBEVIRT));
    must_be("lull_snapshots{phase=\"Deleting\"}", "0");
    see(PROGRESSING, FALSE);
    ck_assert_ptr_null(value_of(KUBEVIRT));
}
END_TEST

START_TEST(test_what_is_anothers_to_tell_is_forgotten_and_seen_anew)
{
    see(READY, FALSE);
    lull_metrics_forget_objects(metrics);
    lull_metrics_forget_objects(metrics);
    lull_metrics_forget_objects(NULL);
    ck_assert_ptr_null(value_of(KUBEVIRT));
    must_be("lull_snapshots{phase=\"Succeeded\"}", "0");
    see(READY, FALSE);
    must_be(KUBEVIRT, "1767323045");
    must_be("lull_snapshots{phase=\"Succeeded\"}", "1");
    must_be("lull_snapshots_ended_total{result=\"ready\"}", "0");
}
END_TEST

START_TEST(test_what_ended_before_is_not_counted_as_ended)
{
    see(READY, FALSE);
    must_be("lull_snapshots_ended_total{result=\"ready\"}", "0");
    must_be("lull_snapshot_ready_seconds_count", "0");
}
END_TEST

START_TEST(test_a_failure_counts_once_and_what_is_deleted_on_the_way_is_none)
{
    see(PROGRESSING, FALSE);
    see(FAILED, FALSE);
    see(FAILED, FALSE);
    must_be("lull_snapshots_ended_total{result=\"failed\"}", "1");
    must_be("lull_snapshots{phase=\"Failed\"}", "1");
    see(DELETING, TRUE);
    see(PROGRESSING, FALSE);
    see(DELETING, FALSE);
    see(FAILED, FALSE);
    must_be("lull_snapshots_ended_total{result=\"failed\"}", "1");
}
END_TEST

static void
see_restore(const char *status)
{
    g_autofree char *created = lull_clock_format(lull_clock_realtime() - LULL_SEC(20));
    g_autofree char *text = g_strdup_printf("{\"metadata\": {\"namespace\": \"n\", \"name\": \"r\","
                                            " \"creationTimestamp\": \"%s\"}, \"status\": %s}",
                                            created, status);
    g_autoptr(LullJson) restore = lull_json_parse(text, -1, NULL);

    ck_assert_ptr_nonnull(restore);
    lull_metrics_restore(metrics, restore, FALSE);
}

START_TEST(test_restores_are_timed_and_their_failures_counted)
{
    see_restore("{\"complete\": false}");
    see_restore("{\"complete\": true}");
    must_be("lull_restores_ended_total{result=\"complete\"}", "1");
    must_be("lull_restore_seconds_count", "1");
    see_restore("{\"complete\": false}");
    see_restore("{\"complete\": false, \"conditions\": [{\"type\": \"Failure\", \"status\": \"True\"}]}");
    must_be("lull_restores_ended_total{result=\"failed\"}", "1");
    must_be("lull_restore_seconds_count", "1");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("metrics");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_who_asked_for_no_figures_gets_none);
    tcase_add_test(tcase, test_the_version_is_told);
    tcase_add_loop_test(tcase, test_each_result_of_an_attempt_is_counted_by_its_name, 0, LULL_RESULT_N);
    tcase_add_test(tcase, test_what_an_attempt_came_to_is_told);
    tcase_add_test(tcase, test_an_agent_of_another_name_makes_no_series);
    tcase_add_test(tcase, test_who_is_frozen_is_told_as_long_as_he_is);
    tcase_add_test(tcase, test_places_have_an_end_and_come_back);
    tcase_add_loop_test(tcase, test_requests_are_counted_by_method_and_code, 0, G_N_ELEMENTS(requests));
    tcase_add_test(tcase,
                   test_a_server_is_away_from_a_request_that_it_does_not_answer_until_one_that_it_does);
    tcase_add_test(tcase, test_a_method_that_is_none_is_not_counted);
    tcase_add_test(tcase, test_queues_are_told_by_their_names);
    tcase_add_test(tcase, test_who_leads_is_told);
    tcase_add_test(tcase, test_a_snapshot_is_timed_once_from_its_creation_until_it_is_ready);
    tcase_add_test(tcase, test_what_is_gone_is_told_no_more);
    tcase_add_test(tcase, test_what_is_anothers_to_tell_is_forgotten_and_seen_anew);
    tcase_add_test(tcase, test_what_ended_before_is_not_counted_as_ended);
    tcase_add_test(tcase, test_a_failure_counts_once_and_what_is_deleted_on_the_way_is_none);
    tcase_add_test(tcase, test_restores_are_timed_and_their_failures_counted);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
