/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/outcome.h"
#include "coordinator/cli/progress.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define READY   "{'type':'Ready','status':'True','reason':'Ready'}"
#define FAILURE "{'type':'Failure','status':'True','reason':'snapshot deadline exceeded'}"

/* A snapshot with @annotations and @status, both members without braces. */
static LullJson *
snapshot(const char *annotations, const char *status)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'s','annotations':{%s}},'status':{%s}}", annotations, status);

    return json(text);
}

static LullOutcome
outcome(const char *annotations, const char *status, char **ret_reason)
{
    g_autoptr(LullJson) object = snapshot(annotations, status);
    const char *reason = NULL;
    const LullOutcome result = lull_outcome_of(&lull_kind_snapshot, object, &reason);

    if (ret_reason)
        *ret_reason = g_strdup(reason);
    return result;
}

START_TEST(snapshot_is_done_when_ready_and_not_when_only_taken)
{
    ck_assert_int_eq(outcome("", "", NULL), LULL_OUTCOME_PENDING);
    ck_assert_int_eq(outcome("", "'phase':'Succeeded','readyToUse':false", NULL), LULL_OUTCOME_PENDING);
    ck_assert_int_eq(outcome("", "'phase':'Succeeded','readyToUse':true,'conditions':[" READY "]", NULL),
                     LULL_OUTCOME_DONE);
}
END_TEST

START_TEST(failure_comes_with_its_reason)
{
    g_autofree char *by_condition = NULL;
    g_autofree char *by_phase = NULL;

    ck_assert_int_eq(outcome("", "'phase':'Failed','conditions':[" FAILURE "]", &by_condition),
                     LULL_OUTCOME_FAILED);
    ck_assert_str_eq(by_condition, "snapshot deadline exceeded");
    ck_assert_int_eq(outcome("", "'phase':'Failed','error':{'message':'disk full'}", &by_phase),
                     LULL_OUTCOME_FAILED);
    ck_assert_str_eq(by_phase, "disk full");
}
END_TEST

START_TEST(level_asked_for_is_compared_with_the_level_reached)
{
#define DONE "'readyToUse':true,'conditions':[" READY "]"
#define LEVELS(ask, got)                                                                               \
    outcome("'lull.dev/require':'" ask "','lull.dev/quiesce-report':'{\\u0022level\\u0022:\\u0022" got \
            "\\u0022}'",                                                                               \
            DONE, NULL)
    ck_assert_int_eq(LEVELS("app", "app"), LULL_OUTCOME_DONE);
    ck_assert_int_eq(LEVELS("app", "stopped"), LULL_OUTCOME_DONE);
    ck_assert_int_eq(LEVELS("app", "fs"), LULL_OUTCOME_BELOW);
    ck_assert_int_eq(LEVELS("fs", "app"), LULL_OUTCOME_DONE);
    ck_assert_int_eq(LEVELS("fs", "crash"), LULL_OUTCOME_BELOW);
    ck_assert_int_eq(LEVELS("fs", "splendid"), LULL_OUTCOME_BELOW);
    ck_assert_int_eq(LEVELS("crash", "crash"), LULL_OUTCOME_DONE);
    ck_assert_int_eq(outcome("'lull.dev/require':'fs'", DONE, NULL), LULL_OUTCOME_BELOW);
    ck_assert_int_eq(outcome("'lull.dev/require':'crash'", DONE, NULL), LULL_OUTCOME_DONE);
}
END_TEST

START_TEST(restore_is_done_when_complete)
{
    g_autoptr(LullJson) begun = json("{'status':{'complete':false}}");
    g_autoptr(LullJson) done = json("{'status':{'complete':true}}");
    g_autoptr(LullJson) failed = json("{'status':{'complete':false,'conditions':[" FAILURE "]}}");

    ck_assert_int_eq(lull_outcome_of(&lull_kind_restore, begun, NULL), LULL_OUTCOME_PENDING);
    ck_assert_int_eq(lull_outcome_of(&lull_kind_restore, done, NULL), LULL_OUTCOME_DONE);
    ck_assert_int_eq(lull_outcome_of(&lull_kind_restore, failed, NULL), LULL_OUTCOME_FAILED);
}
END_TEST

START_TEST(progress_comes_from_its_annotation_else_from_the_phase)
{
#define TOLD(text) "'lull.dev/progress':'{" text "}'"
    static const struct {
        const char *annotations, *status, *step;
        gint permille;
    } cases[] = {
        {TOLD("\\u0022step\\u0022:\\u0022copying\\u0022,\\u0022permille\\u0022:560"), "", "copying", 560},
        {TOLD("\\u0022step\\u0022:\\u0022\\\\u001b[2J\\u0022,\\u0022permille\\u0022:5600"), "", "preparing",
         -1},
        {TOLD("\\u0022step\\u0022:\\u0022queued\\u0022,\\u0022permille\\u0022:0"), "", "queued", 0},
        {"'lull.dev/progress':'nonsense'", "'phase':'Succeeded'", "copying", -1},
        {"", "", "preparing", -1},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) object = snapshot(cases[i].annotations, cases[i].status);
        const LullProgress progress = lull_progress_of(&lull_kind_snapshot, object);

        ck_assert_str_eq(progress.step, cases[i].step);
        ck_assert_int_eq(progress.permille, cases[i].permille);
    }
}
END_TEST

START_TEST(bytes_are_shown_where_they_make_sense)
{
    static const struct {
        const char *told;
        guint64 bytes, of_bytes;
    } cases[] = {
        {TOLD("\\u0022bytes\\u0022:5,\\u0022ofBytes\\u0022:9"), 5, 9},
        {TOLD("\\u0022bytes\\u0022:9,\\u0022ofBytes\\u0022:5"), 0, 0},
        {TOLD("\\u0022bytes\\u0022:-1,\\u0022ofBytes\\u0022:5"), 0, 0},
        {TOLD("\\u0022ofBytes\\u0022:5"), 0, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) object = snapshot(cases[i].told, "");
        const LullProgress progress = lull_progress_of(&lull_kind_snapshot, object);

        ck_assert(progress.bytes == cases[i].bytes && progress.of_bytes == cases[i].of_bytes);
    }
}
END_TEST

START_TEST(a_copy_that_waits_for_others_says_so)
{
    g_autoptr(LullJson) object = snapshot(
        TOLD("\\u0022step\\u0022:\\u0022queued\\u0022,\\u0022permille\\u0022:0"), "'phase':'Succeeded'");

    ck_assert_str_eq(lull_progress_of(&lull_kind_snapshot, object).waiting, "others are copied first");
}
END_TEST

START_TEST(waiting_is_told_only_where_something_is_waited_for)
{
#define PROGRESSING(reason) "'conditions':[{'type':'Progressing','status':'False','reason':'" reason "'}]"
    static const struct {
        const char *status, *waiting;
    } cases[] = {
        {"", NULL},
        {PROGRESSING("Source not locked"), NULL},
        {PROGRESSING("Source not locked snapshot x in progress"), "Source not locked snapshot x in progress"},
        {"'phase':'Succeeded'," PROGRESSING("Operation complete"), NULL},
        {"'error':{'message':'no space'}," PROGRESSING("In error state"), "no space"},
        {"'conditions':[{'type':'Progressing','status':'True','reason':'busy'}]", NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) object = snapshot("", cases[i].status);

        ck_assert_pstr_eq(lull_progress_of(&lull_kind_snapshot, object).waiting, cases[i].waiting);
    }
}
END_TEST

START_TEST(bar_fills_up)
{
    LullProgress progress = {.step = "copying", .permille = 500};
    g_autofree char *half = lull_progress_bar("snapshot/s", &progress, LULL_SEC(7));
    g_autofree char *unknown = NULL;
    g_autofree char *sized = NULL;

    ck_assert_str_eq(half, "snapshot/s  copying   [############............]  50%  7s");
    progress.bytes = 1 << 30;
    progress.of_bytes = 3u << 30;
    sized = lull_progress_bar("restore/r", &progress, LULL_SEC(7));
    ck_assert_str_eq(sized, "restore/r  copying   [############............]  50%  1.0 GiB of 3.0 GiB  7s");
    progress = (LullProgress){.step = "preparing", .permille = -1, .waiting = "Source\nnot locked"};
    unknown = lull_progress_bar("snapshot/s", &progress, 0);
    ck_assert_str_eq(unknown, "snapshot/s  preparing  0s  (Source not locked)");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("outcome");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, snapshot_is_done_when_ready_and_not_when_only_taken);
    tcase_add_test(tests, failure_comes_with_its_reason);
    tcase_add_test(tests, level_asked_for_is_compared_with_the_level_reached);
    tcase_add_test(tests, restore_is_done_when_complete);
    tcase_add_test(tests, progress_comes_from_its_annotation_else_from_the_phase);
    tcase_add_test(tests, bytes_are_shown_where_they_make_sense);
    tcase_add_test(tests, a_copy_that_waits_for_others_says_so);
    tcase_add_test(tests, waiting_is_told_only_where_something_is_waited_for);
    tcase_add_test(tests, bar_fills_up);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
