/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/report.h"
#include "tests/lib/check-main.h"

static LullJson *
rows(guint n, const char *key, const char *result, gsize bytes)
{
    LullJson *array = json_object_new_array();
    g_autofree char *long_text = g_strnfill(bytes, 'x');

    for (guint i = 0; i < n; i++) {
        LullJson *row = json_object_new_object();

        lull_json_set_string(row, key, long_text);
        lull_json_set_string(row, "result", result);
        lull_json_set_string(lull_json_ensure(row, "metadata"), "blob", long_text);
        json_object_array_add(array, row);
    }
    return array;
}

static const LullReportFacts plain = {
    .op = "op",
    .attempt = 2,
    .agent = "lull-agent 0.1.0",
    .level = "fs",
    .require = "crash",
    .proof = "held",
    .proof_by = "epoch",
    .proof_reason = "",
    .witness = "quiet",
    .atomic = TRUE,
    .prepare_usec = 12100,
    .freeze_usec = 3200,
    .cut_usec = 21800,
    .thaw_usec = 1900,
    .window_usec = 26000,
    .window_measured = TRUE,
    .indications = (const char *const[]){"GuestAgent", "Online", NULL},
};

START_TEST(test_has_the_shape_that_is_promised)
{
    g_autoptr(LullJson) report = lull_report_to_json(&plain);

    ck_assert_str_eq(
        lull_json_to_line(report),
        "{\"version\":1,\"op\":\"op\",\"attempt\":2,\"agent\":\"lull-agent 0.1.0\",\"level\":\"fs\","
        "\"require\":\"crash\",\"proof\":\"held\",\"proofBy\":\"epoch\",\"proofReason\":\"\",\"witness\":"
        "\"quiet\","
        "\"atomic\":true,\"indications\":[\"GuestAgent\",\"Online\"],\"prepareMs\":12.1,\"freezeMs\":3.2,"
        "\"cutMs\":21.8,\"thawMs\":1.9,\"windowMs\":26.0,\"windowIs\":\"measured\",\"volumes\":[],"
        "\"excluded\":[],"
        "\"filesystems\":[],\"writers\":[]}");
}
END_TEST

START_TEST(test_leaves_out_durations_that_nobody_measured)
{
    LullReportFacts facts = plain;
    g_autoptr(LullJson) report = NULL;

    facts.agent = NULL;
    facts.freeze_usec = facts.window_usec = -1;
    report = lull_report_to_json(&facts);
    ck_assert(json_object_object_get_ex(report, "agent", NULL));
    ck_assert_ptr_null(lull_json_at(report, "agent", NULL));
    ck_assert_ptr_null(lull_json_at(report, "freezeMs", NULL));
    ck_assert_ptr_null(lull_json_at(report, "windowIs", NULL));
}
END_TEST

START_TEST(test_whatever_a_guest_says_it_stays_within_its_size)
{
    LullReportFacts facts = plain;
    g_autoptr(LullJson) many = rows(1000, "mountpoint", "frozen", 5000);
    g_autoptr(LullJson) failed = rows(1000, "name", "failed", 5000);
    g_autoptr(LullJson) report = NULL;
    g_autofree char *long_text = g_strnfill(100000, 'y');

    facts.filesystems = many;
    facts.writers = failed;
    facts.proof_reason = long_text;
    report = lull_report_to_json(&facts);
    ck_assert_uint_le(strlen(lull_json_to_line(report)), LULL_REPORT_FULL_BYTES);
    ck_assert_str_eq(lull_json_string(report, "level", ""), "fs");
    ck_assert_int_gt(lull_json_int(lull_json_object(report, "omitted"), "filesystems", 0), 900);
}
END_TEST

START_TEST(test_what_went_well_gives_way_first)
{
    LullReportFacts facts = plain;
    g_autoptr(LullJson) well = rows(60, "mountpoint", "frozen", 200);
    LullJson *bad = json_object_new_object();
    g_autoptr(LullJson) report = NULL;
    g_autoptr(LullJson) trimmed = NULL;
    LullJson *left = NULL;

    lull_json_set_string(bad, "mountpoint", "/data");
    lull_json_set_string(bad, "result", "failed");
    json_object_array_add(well, bad);
    facts.filesystems = well;
    report = lull_report_to_json(&facts);
    trimmed = lull_report_trim(report, 1500);
    ck_assert_uint_le(strlen(lull_json_to_line(trimmed)), 1500);
    left = lull_json_array(trimmed, "filesystems");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(left, json_object_array_length(left) - 1),
                                      "mountpoint", ""),
                     "/data");
}
END_TEST

START_TEST(test_cuts_texts_at_a_character_and_mends_what_is_no_text)
{
    LullReportFacts facts = plain;
    g_autoptr(GString) wide = g_string_new(NULL);
    g_autoptr(LullJson) report = NULL;

    for (int i = 0; i < 200; i++)
        g_string_append(wide, "ä");
    facts.proof_reason = wide->str;
    facts.agent = "bad \xff bytes";
    report = lull_report_to_json(&facts);
    ck_assert(g_utf8_validate(lull_json_to_line(report), -1, NULL));
    ck_assert(g_str_has_suffix(lull_json_string(report, "proofReason", ""), "ä..."));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("report");
    TCase *tcase = tcase_create("report");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_has_the_shape_that_is_promised);
    tcase_add_test(tcase, test_leaves_out_durations_that_nobody_measured);
    tcase_add_test(tcase, test_whatever_a_guest_says_it_stays_within_its_size);
    tcase_add_test(tcase, test_what_went_well_gives_way_first);
    tcase_add_test(tcase, test_cuts_texts_at_a_character_and_mends_what_is_no_text);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
