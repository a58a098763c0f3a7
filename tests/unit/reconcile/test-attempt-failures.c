/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <string.h>

#include "coordinator/reconcile/attempt-decide.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/trial.h"

START_TEST(test_asks_a_guest_for_nothing_that_it_could_not_note_before)
{
    g_autoptr(GError) error = NULL;

    g_rmdir(trial.dir);
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_str_eq(fake_story(), "sh");
}
END_TEST

START_TEST(test_asks_a_guest_for_nothing_that_the_disk_has_no_room_to_note)
{
    g_autoptr(GError) error = NULL;
    LullAttemptOutcome *outcome = NULL;

    fill_disk();
    outcome = attempt(LULL_LEVEL_CRASH, &error);
    ck_assert_ptr_null(outcome);
    ck_assert_ptr_nonnull(strstr(error->message, "so nothing is frozen"));
    ck_assert_str_eq(fake_story(), "sh");
    ck_assert_int_eq(g_rmdir(trial.dir), 0); /* no part of it is left */
}
END_TEST

/* Whoever found only the first note would not dare to thaw it. */
START_TEST(test_a_stock_guest_is_not_frozen_where_that_cannot_be_noted)
{
    g_autoptr(GError) error = NULL;

    fake.agent = LULL_AGENT_STOCK;
    fake.on_prepared = fill_disk;
    ck_assert_ptr_null(attempt(_i ? LULL_LEVEL_FS : LULL_LEVEL_CRASH, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "so nothing is frozen"));
    ck_assert_str_eq(fake_story(), "shpt");
    ck_assert_int_eq(g_rmdir(trial.dir), 0);
}
END_TEST

START_TEST(test_a_note_that_cannot_be_removed_changes_nothing_of_what_was_done)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.on_frozen = block_removal;
    outcome = attempt(LULL_LEVEL_FS, NULL);
    ck_assert(outcome->reached);
    ck_assert_str_eq(fake_story(), "shpf1c2t");
    drop_notes();
}
END_TEST

static void
lose_notes(void)
{
    g_rmdir(trial.dir);
}

static void
refuse_storage(void)
{
    fake.refuse_storage = TRUE;
}

static void
refuse_hold(void)
{
    fake.refuse_hold = TRUE;
}

static void
refuse_prepare(void)
{
    fake.refuse_prepare = TRUE;
}

static void
refuse_mark(void)
{
    fake.agent = LULL_AGENT_STOCK;
    fake.on_prepared = fill_disk;
}

static void
refuse_freeze(void)
{
    fake.refuse_freeze = TRUE;
}

static void
refuse_first(void)
{
    fake.refuse_first = TRUE;
}

static void
refuse_second(void)
{
    fake.refuse_second = TRUE;
}

static void
refuse_cut(void)
{
    fake.refuse_cut = TRUE;
}

static void
refuse_thaw(void)
{
    fake.unconfirmed = TRUE;
}

static void
refuse_removal(void)
{
    fake.on_frozen = block_removal;
}

/* How each verb of an attempt fails, and what may be claimed then. One without a row is a failure. */
static const struct {
    void (*spoil)(void);
    const char *story;
    gboolean held;
} efforts[LULL_ATTEMPT_N] = {
    [LULL_ATTEMPT_END] = {NULL, "shpf1c2t", TRUE}, /* it does nothing */
    [LULL_ATTEMPT_PREPARE_STORAGE] = {refuse_storage, "s", FALSE},
    [LULL_ATTEMPT_PROBE] = {refuse_hold, "sh", FALSE},
    [LULL_ATTEMPT_WRITE_INTENT] = {lose_notes, "sh", FALSE},
    [LULL_ATTEMPT_PREPARE_GUEST] = {refuse_prepare, "shpt", FALSE},
    [LULL_ATTEMPT_MARK_INTENT] = {refuse_mark, "shpt", FALSE},
    [LULL_ATTEMPT_FREEZE] = {refuse_freeze, "shpft", FALSE},
    [LULL_ATTEMPT_WITNESS_FIRST] = {refuse_first, "shpf1c2t", TRUE},
    [LULL_ATTEMPT_CUT] = {refuse_cut, "shpf1ct", FALSE},
    [LULL_ATTEMPT_WITNESS_SECOND] = {refuse_second, "shpf1c2t", TRUE},
    [LULL_ATTEMPT_THAW] = {refuse_thaw, "shpf1c2t", FALSE},
    [LULL_ATTEMPT_REMOVE_INTENT] = {refuse_removal, "shpf1c2t", TRUE},
};

START_TEST(test_whatever_fails_the_guest_is_let_go_and_nothing_is_claimed_that_was_not_had)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    ck_assert_ptr_nonnull(efforts[_i].story);
    if (efforts[_i].spoil)
        efforts[_i].spoil();
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), efforts[_i].story);
    ck_assert_int_eq(g_strcmp0(outcome ? lull_json_string(outcome->report, "proof", "") : "", "held") == 0,
                     efforts[_i].held);
    drop_notes();
}
END_TEST

/* What is told */

static char *told; /* the line of the last attempt */

static GLogWriterOutput
keep_line(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE") && g_str_has_prefix(fields[i].value, "attempt:")) {
            g_free(told);
            told = g_strdup(fields[i].value);
        }
    return G_LOG_WRITER_HANDLED;
}

static gboolean
figures_have(const char *line)
{
    GString *text = lull_metrics_text(trial.metrics);
    const gboolean found = strstr(text->str, line) != NULL;

    g_string_free(text, TRUE);
    return found;
}

static void
note_frozen(void)
{
    ck_assert(figures_have("\nlull_frozen_guests 1\n"));
}

START_TEST(test_an_attempt_is_counted_while_it_holds_and_told_when_it_is_over)
{
    static const char *const parts[] = {
        "attempt: vm=larry ",
        " snapshot=\"\" attempt=1 op=",
        " result=quiesced level=fs proof=held proof-by=epoch witness=quiet agent=lull ",
        " cuts=vda:",
        " steps=prepare-storage:",
        ",probe:",
        ",write-intent:",
        ",prepare-guest:",
        ",freeze:",
        ",witness-first:",
        ",cut:",
        ",witness-second:",
        ",thaw:",
        ",remove-intent:"};
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    trial.metrics = lull_metrics_new();
    fake.on_frozen = note_frozen;
    g_log_set_writer_func(keep_line, NULL, NULL);
    outcome = attempt(LULL_LEVEL_FS, NULL);
    ck_assert(outcome->reached);
    ck_assert(figures_have("\nlull_frozen_guests 0\n"));
    ck_assert(figures_have("\nlull_attempts_total{result=\"quiesced\"} 1\n"));
    ck_assert(figures_have("\nlull_cuts_total{level=\"fs\",proof=\"held\",witness=\"quiet\"} 1\n"));
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        ck_assert_msg(strstr(told, parts[i]) != NULL, "no \"%s\" in: %s", parts[i], told);
    g_clear_pointer(&trial.metrics, lull_metrics_free);
    g_clear_pointer(&told, g_free);
}
END_TEST

START_TEST(test_one_that_is_refused_or_comes_to_nothing_is_told_too)
{
    g_autoptr(LullAttemptOutcome) unfrozen = NULL;

    trial.metrics = lull_metrics_new();
    g_log_set_writer_func(keep_line, NULL, NULL);
    fake.refuse_freeze = TRUE;
    unfrozen = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(unfrozen->again);
    ck_assert_ptr_nonnull(strstr(told, " result=not_quiesced level=crash proof=none "));
    ck_assert_ptr_nonnull(strstr(told, " why=refused"));
    ck_assert(figures_have("\nlull_quiesce_failures_total{reason=\"not_frozen\"} 1\n"));
    fake.refuse_freeze = FALSE;
    fake.refuse_storage = TRUE;
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, NULL));
    ck_assert_ptr_nonnull(strstr(told, " result=failed level=none proof=none "));
    ck_assert_ptr_nonnull(strstr(told, " why=full"));
    ck_assert(figures_have("\nlull_attempts_total{result=\"failed\"} 1\n"));
    ck_assert(figures_have("\nlull_frozen_guests 0\n"));
    g_clear_pointer(&trial.metrics, lull_metrics_free);
    g_clear_pointer(&told, g_free);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("attempt-failures");
    TCase *tcase = tcase_create("attempt-failures");

    tcase_add_checked_fixture(tcase, trial_setup, trial_teardown);
    tcase_add_test(tcase, test_asks_a_guest_for_nothing_that_it_could_not_note_before);
    tcase_add_test(tcase, test_asks_a_guest_for_nothing_that_the_disk_has_no_room_to_note);
    tcase_add_loop_test(tcase, test_a_stock_guest_is_not_frozen_where_that_cannot_be_noted, 0, 2);
    tcase_add_test(tcase, test_a_note_that_cannot_be_removed_changes_nothing_of_what_was_done);
    tcase_add_loop_test(tcase,
                        test_whatever_fails_the_guest_is_let_go_and_nothing_is_claimed_that_was_not_had, 0,
                        LULL_ATTEMPT_N);
    tcase_add_test(tcase, test_an_attempt_is_counted_while_it_holds_and_told_when_it_is_over);
    tcase_add_test(tcase, test_one_that_is_refused_or_comes_to_nothing_is_told_too);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
