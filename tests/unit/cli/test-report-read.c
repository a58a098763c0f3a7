/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/report-read.h"
#include "coordinator/model/report.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

START_TEST(what_the_coordinator_writes_is_what_is_read)
{
    const LullReportFacts facts = {
        .op = "op-1",
        .attempt = 1,
        .agent = "lull-agent 0.1.0",
        .level = "app",
        .require = "fs",
        .proof = "held",
        .proof_by = "epoch",
        .witness = "quiet",
        .atomic = TRUE,
        .prepare_usec = 12100,
        .freeze_usec = 3200,
        .cut_usec = 21800,
        .thaw_usec = -1,
        .window_usec = 26000,
        .window_measured = TRUE,
        .volumes = json("[{'name':'rootdisk','disk':'vda','cutReceivedAtMs':18.0}]"),
        .excluded = json("[{'name':'cloudinit','reason':'a CD-ROM'}]"),
        .filesystems = json("[{'mountpoint':'/','type':'ext4','result':'frozen','reason':''}]"),
        .writers = json("[{'name':'postgresql','result':'held','holdMs':25.1,'message':'fine'}]"),
    };
    g_autoptr(LullJson) written = lull_report_to_json(&facts);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullReport) report = lull_report_read(lull_json_to_line(written), &error);
    const LullReportRow *row;

    ck_assert_no_error(error);
    ck_assert_str_eq(report->agent, facts.agent);
    ck_assert_str_eq(report->level, facts.level);
    ck_assert_str_eq(report->require, facts.require);
    ck_assert_str_eq(report->proof, facts.proof);
    ck_assert_str_eq(report->proof_by, facts.proof_by);
    ck_assert_str_eq(report->proof_reason, "");
    ck_assert_str_eq(report->witness, facts.witness);
    ck_assert(report->atomic && report->measured);
    ck_assert_double_eq_tol(report->prepare_ms, 12.1, 0.01);
    ck_assert_double_eq_tol(report->freeze_ms, 3.2, 0.01);
    ck_assert_double_eq_tol(report->cut_ms, 21.8, 0.01);
    ck_assert_double_lt(report->thaw_ms, 0);
    ck_assert_double_eq_tol(report->window_ms, 26, 0.01);
    row = report->volumes->pdata[0];
    ck_assert_str_eq(row->name, "rootdisk");
    ck_assert_double_eq_tol(row->at_ms, 18, 0.01);
    row = report->excluded->pdata[0];
    ck_assert_str_eq(row->reason, "a CD-ROM");
    row = report->filesystems->pdata[0];
    ck_assert_str_eq(row->name, "/");
    ck_assert_str_eq(row->kind, "ext4");
    ck_assert_str_eq(row->result, "frozen");
    row = report->writers->pdata[0];
    ck_assert_str_eq(row->reason, "fine");
    ck_assert_double_eq_tol(row->hold_ms, 25.1, 0.01);
    ck_assert_int_eq(report->omitted, 0);
    json_object_put(facts.volumes);
    json_object_put(facts.excluded);
    json_object_put(facts.filesystems);
    json_object_put(facts.writers);
}
END_TEST

START_TEST(rows_left_out_are_counted)
{
    LullJson *rows = json_object_new_array();
    const LullReportFacts facts = {.filesystems = rows};
    g_autoptr(LullJson) written = NULL;
    g_autoptr(LullReport) report = NULL;

    for (int i = 0; i < 200; i++) {
        LullJson *row =
            json("{'type':'ext4','result':'frozen','reason':'because it is so and was so before'}");
        g_autofree char *mountpoint = g_strdup_printf("/a/long/enough/place/to/fill/a/report/with/%d", i);

        lull_json_set_string(row, "mountpoint", mountpoint);
        json_object_array_add(rows, row);
    }
    written = lull_report_to_json(&facts);
    report = lull_report_read(lull_json_to_line(written), NULL);
    ck_assert_int_gt(report->omitted, 0);
    ck_assert_int_eq(report->omitted + report->filesystems->len, 200);
    json_object_put(rows);
}
END_TEST

START_TEST(levels_are_ranked_and_words_have_a_meaning)
{
    static const char *const order[] = {"splendid", "crash", "fs", "app", "stopped"};

    for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
        ck_assert_uint_eq(lull_level_rank(order[i]), i);
        ck_assert((lull_level_meaning(order[i]) != NULL) == (i > 0));
    }
    ck_assert_uint_eq(lull_level_rank(NULL), 0);
    ck_assert_ptr_nonnull(lull_proof_meaning("broken"));
    ck_assert_ptr_null(lull_proof_meaning(""));
    ck_assert_ptr_nonnull(lull_witness_meaning("noisy"));
}
END_TEST

START_TEST(what_is_no_report_is_refused)
{
    g_autofree char *large = g_strnfill(LULL_REPORT_MAX_BYTES + 1, ' ');
    const char *const texts[] = {"", "[]", "7", "{", "null", "{\"level\":\"\xff\"}", large};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(lull_report_read(texts[i], &error));
        ck_assert_error(error, LULL_ERROR_INVALID);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("report-read");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, what_the_coordinator_writes_is_what_is_read);
    tcase_add_test(tests, rows_left_out_are_counted);
    tcase_add_test(tests, levels_are_ranked_and_words_have_a_meaning);
    tcase_add_test(tests, what_is_no_report_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
