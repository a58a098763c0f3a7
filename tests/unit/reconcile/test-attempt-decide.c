/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt-decide.h"

#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/unit/reconcile/must.h"

#define NOT    LULL_TRIED_NOT
#define DONE   LULL_TRIED_DONE
#define FAILED LULL_TRIED_FAILED

static gboolean
is_frozen(const LullAttemptView *view)
{
    return view->freeze == DONE && view->thaw == NOT;
}

static gboolean
is_over(const LullAttemptView *view)
{
    return view->cancelled || (view->deadline && view->now >= view->deadline) ||
           (view->leaving && view->cut == NOT);
}

static gboolean
would_wait(const LullAttemptView *view)
{
    return view->patience > 0 && MAX(view->alone, view->behind) > view->patience;
}

static void
check_step(const LullAttemptView *view, LullAttemptVerb verb)
{
    const gboolean over = is_over(view);

    if (is_frozen(view)) {
        MUST(verb == LULL_ATTEMPT_THAW || verb == LULL_ATTEMPT_CUT || verb == LULL_ATTEMPT_WITNESS_FIRST ||
             verb == LULL_ATTEMPT_WITNESS_SECOND);
        if (over || view->cut == FAILED || (view->cut == DONE && view->second != NOT))
            MUST(verb == LULL_ATTEMPT_THAW);
    }
    if (verb == LULL_ATTEMPT_FREEZE)
        MUST(view->intent == DONE && view->prepare == DONE && view->storage == DONE && !view->unasked &&
             !over && (view->marked == DONE || !view->stock) && !would_wait(view));
    if (verb == LULL_ATTEMPT_MARK_INTENT)
        MUST(!would_wait(view) && view->stock && view->intent == DONE && view->prepare == DONE &&
             view->freeze == NOT && !over);
    if (verb == LULL_ATTEMPT_CUT) {
        MUST(view->storage == DONE);
        MUST(!over);
        MUST(is_frozen(view) || !view->strict);
        MUST(is_frozen(view) || view->prepare == NOT || view->hopeless);
        MUST(view->prepare == NOT || is_frozen(view) || view->thaw != NOT);
    }
    if (verb == LULL_ATTEMPT_PREPARE_GUEST) /* whoever finds us dead knows what to end */
        MUST(view->intent == DONE && view->intent_removed == NOT);
    if (verb == LULL_ATTEMPT_REMOVE_INTENT)
        MUST(!is_frozen(view));
    if (verb == LULL_ATTEMPT_END) {
        MUST(!is_frozen(view));
        MUST(view->prepare == NOT || view->thaw != NOT);
        MUST(view->intent == NOT || view->intent_removed != NOT);
    }
    if (verb == LULL_ATTEMPT_THAW)
        MUST(view->prepare != NOT && view->thaw == NOT);
}

/* Where the machine can get to: what must come before is done before. */
static gboolean
is_reachable(const LullAttemptView *view)
{
    if (view->storage != DONE && (view->probe || view->prepare || view->intent || view->freeze || view->cut))
        return FALSE;
    if (view->intent && (view->probe != DONE || view->unasked))
        return FALSE;
    if (view->unasked && view->probe)
        return FALSE;
    if (view->prepare && view->intent != DONE)
        return FALSE;
    if (view->marked && (!view->stock || view->prepare != DONE))
        return FALSE;
    if (view->patience && (view->prepare == NOT || (would_wait(view) && (view->marked || view->freeze))))
        return FALSE;
    if (view->freeze && (view->prepare != DONE || (view->stock && view->marked != DONE)))
        return FALSE;
    if ((view->first || view->second) && view->freeze != DONE)
        return FALSE;
    if (view->second && view->cut != DONE)
        return FALSE;
    if (view->thaw && view->prepare == NOT)
        return FALSE;
    return !view->intent_removed || view->intent == FAILED || (view->intent && (view->thaw || is_over(view)));
}

static const gint64 deadlines[] = {0, 9, 10, 11}; /* none, past, just now, to come */

/* What was tried, of all combinations. */
static LullAttemptView
tried_in(guint code)
{
    LullTried tried[11];

    for (int i = 0; i < 11; i++, code /= 3)
        tried[i] = (LullTried)(code % 3);
    return (LullAttemptView){
        .storage = tried[0],
        .probe = tried[1],
        .prepare = tried[2],
        .intent = tried[3],
        .freeze = tried[4],
        .first = tried[5],
        .cut = tried[6],
        .second = tried[7],
        .thaw = tried[8],
        .intent_removed = tried[9],
        .marked = tried[10],
    };
}

/* Whatever else is so. */
static gboolean
could_be_tried(LullAttemptView view)
{
    view.stock = view.marked != NOT;
    view.cancelled = TRUE;
    return is_reachable(&view);
}

START_TEST(test_whatever_has_happened_the_guest_is_let_go)
{
    guint seen = 0;

    for (guint code = 0; code < 177147; code++) { /* 3^11 */
        LullAttemptView view = tried_in(code);

        if (!could_be_tried(view))
            continue;
        for (guint bits = 0; bits < 256 * G_N_ELEMENTS(deadlines); bits++) {
            view.cancelled = (bits & 1) != 0;
            view.unasked = (bits & 2) != 0;
            view.strict = (bits & 4) != 0;
            view.hopeless = (bits & 8) != 0;
            view.stock = (bits & 16) != 0;
            view.leaving = (bits & 32) != 0;
            view.patience = (bits & 192) ? 3 : 0;
            view.alone = (bits & 64) ? 4 : 0;
            view.behind = (bits & 128) ? 4 : 0;
            view.now = 10;
            view.deadline = deadlines[bits / 256];
            if (!is_reachable(&view))
                continue;
            check_step(&view, lull_attempt_decide(&view).verb);
            seen++;
        }
    }
    ck_assert_uint_gt(seen, 1000);
}
END_TEST

/* Runs the machine; each verb comes to what `fails` says, and `cancel_at` cancels before the n-th step. */
static char *
run(LullAttemptView view, guint fails, int cancel_at)
{
    GString *story = g_string_new(NULL);

    for (int i = 0; i < 20; i++) {
        const LullAttemptVerb verb =
            (view.cancelled = view.cancelled || i == cancel_at, lull_attempt_decide(&view).verb);
        const LullTried tried = fails & (1u << verb) ? FAILED : DONE;
        LullTried *const slots[] = {
            [LULL_ATTEMPT_PREPARE_STORAGE] = &view.storage,      [LULL_ATTEMPT_PROBE] = &view.probe,
            [LULL_ATTEMPT_PREPARE_GUEST] = &view.prepare,        [LULL_ATTEMPT_WRITE_INTENT] = &view.intent,
            [LULL_ATTEMPT_MARK_INTENT] = &view.marked,           [LULL_ATTEMPT_FREEZE] = &view.freeze,
            [LULL_ATTEMPT_WITNESS_FIRST] = &view.first,          [LULL_ATTEMPT_CUT] = &view.cut,
            [LULL_ATTEMPT_WITNESS_SECOND] = &view.second,        [LULL_ATTEMPT_THAW] = &view.thaw,
            [LULL_ATTEMPT_REMOVE_INTENT] = &view.intent_removed,
        };

        if (verb == LULL_ATTEMPT_END)
            return g_string_free(story, FALSE);
        g_string_append_c(story, " spipmfwcwtr"[verb]);
        *slots[verb] = tried;
    }
    ck_abort_msg("no end: %s", story->str);
    return NULL;
}

#define FAIL(verb) (1u << LULL_ATTEMPT_##verb)

/* s storage, p probe, i intent, p prepare, m intent marked, f freeze, w witness, c cut, t thaw, r intent
 * removed */
static const struct {
    LullAttemptView view;
    guint fails;
    int cancel_at;
    const char *story;
} stories[] = {
    {{0}, 0, -1, "spipfwcwtr"},
    {{.strict = TRUE}, 0, -1, "spipfwcwtr"},
    {{0}, FAIL(PREPARE_STORAGE), -1, "s"},
    {{0}, FAIL(PROBE), -1, "spc"},
    {{.strict = TRUE}, FAIL(PROBE), -1, "sp"},
    {{0}, FAIL(PREPARE_GUEST), -1, "spiptr"},
    {{.strict = TRUE}, FAIL(PREPARE_GUEST), -1, "spiptr"},
    {{0}, FAIL(WRITE_INTENT), -1, "spir"},
    {{0}, FAIL(FREEZE), -1, "spipftr"},
    {{.unreached = TRUE}, FAIL(PROBE), -1, "sp"},
    {{.hopeless = TRUE}, FAIL(FREEZE), -1, "spipftrc"},
    {{.hopeless = TRUE, .strict = TRUE}, FAIL(FREEZE), -1, "spipftr"},
    {{.strict = TRUE}, FAIL(FREEZE), -1, "spipftr"},
    {{.patience = 3, .alone = 4, .behind = 4}, 0, -1, "spiptr"},
    {{.patience = 3, .alone = 2, .behind = 4, .stock = TRUE}, 0, -1, "spiptr"},
    {{.patience = 3, .alone = 3, .behind = 3}, 0, -1, "spipfwcwtr"},
    {{.patience = 3, .left = 2, .alone = 3, .behind = 3}, 0, -1, "spiptr"},
    {{.patience = 3, .left = 3, .alone = 3, .behind = 3}, 0, -1, "spipfwcwtr"},
    {{.patience = 3, .alone = 2, .behind = 2, .asking = 1}, 0, -1, "spiptr"},
    {{.alone = 3, .behind = 3, .unasked = TRUE}, 0, -1, "sc"},
    {{.asking = 1, .unasked = TRUE}, 0, -1, "sc"},
    {{0}, FAIL(WITNESS_FIRST) | FAIL(WITNESS_SECOND), -1, "spipfwcwtr"},
    {{0}, FAIL(CUT), -1, "spipfwctr"},
    {{0}, FAIL(THAW), -1, "spipfwcwtr"},
    {{.stock = TRUE}, 0, -1, "spipmfwcwtr"},
    {{.stock = TRUE}, FAIL(MARK_INTENT), -1, "spipmtr"},
    {{.stock = TRUE}, 0, 5, "spipmtr"},
    {{.unasked = TRUE}, 0, -1, "sc"},
    {{.unasked = TRUE, .strict = TRUE}, 0, -1, "s"},
    {{0}, 0, 0, ""},
    {{0}, 0, 1, "s"},
    {{0}, 0, 3, "spir"},
    {{0}, 0, 4, "spiptr"},
    {{0}, 0, 5, "spipftr"},
    {{0}, 0, 6, "spipfwtr"},
    {{0}, 0, 7, "spipfwctr"},
};

START_TEST(test_runs_its_stories)
{
    g_autofree char *story = run(stories[_i].view, stories[_i].fails, stories[_i].cancel_at);

    ck_assert_str_eq(story, stories[_i].story);
}
END_TEST

START_TEST(test_only_who_would_not_wait_but_for_others_has_queued)
{
    LullAttemptView view = {.storage = DONE,
                            .probe = DONE,
                            .intent = DONE,
                            .prepare = DONE,
                            .thaw = DONE,
                            .intent_removed = DONE,
                            .patience = 3,
                            .alone = 2,
                            .behind = 4};

    ck_assert_str_eq(lull_attempt_decide(&view).reason, LULL_ATTEMPT_QUEUED);
    view.alone = 4;
    ck_assert_str_eq(lull_attempt_decide(&view).reason, "NotFrozen");
    view.left = 1;
    ck_assert_str_eq(lull_attempt_decide(&view).reason, "NotFrozen");
    view.alone = view.behind = 2;
    ck_assert_str_eq(lull_attempt_decide(&view).reason, LULL_ATTEMPT_QUEUED);
    view.prepare = FAILED;
    ck_assert_str_eq(lull_attempt_decide(&view).reason, "NotFrozen");
}
END_TEST

START_TEST(test_a_storage_that_is_in_use_for_long_is_looked_at_less_often)
{
    static const struct {
        gint64 waited, pause;
    } cases[] = {{0, 1}, {4, 1}, {20, 5}, {60, 15}, {3600, 15}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        ck_assert_int_eq(lull_attempt_busy_pause(LULL_SEC(cases[i].waited)), LULL_SEC(cases[i].pause));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("attempt-decide");
    TCase *tcase = tcase_create("attempt-decide");

    tcase_add_test(tcase, test_whatever_has_happened_the_guest_is_let_go);
    tcase_add_test(tcase, test_only_who_would_not_wait_but_for_others_has_queued);
    tcase_add_test(tcase, test_a_storage_that_is_in_use_for_long_is_looked_at_less_often);
    tcase_add_loop_test(tcase, test_runs_its_stories, 0, G_N_ELEMENTS(stories));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
