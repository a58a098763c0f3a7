/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/cut-decide.h"

#include <string.h>

#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define NOW LULL_SEC(1000)

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullCsiFacts, lull_csi_facts_clear)

/* One volume, by a number below N_SORTS: each step, with and without an error, quick and slow, final. */
#define N_STEPS 5
#define N_SORTS (N_STEPS * 2 * 2 * 2)

static LullCsiFacts
facts_of(guint sort)
{
    return (LullCsiFacts){.step = sort % N_STEPS,
                          .error = sort / N_STEPS % 2 ? (char *)"the array is full" : NULL,
                          .since = sort / N_STEPS / 2 % 2 ? NOW - LULL_SEC(60) : NOW,
                          .final = sort / N_STEPS / 4 % 2};
}

static gboolean
is_hopeless(const LullCsiCutView *view, const LullCsiFacts *facts)
{
    const gboolean idle = facts->step <= LULL_CSI_TAKEN;

    if (facts->step == LULL_CSI_CUT)
        return FALSE;
    return facts->final || (view->held && (facts->error || (idle && facts->since < NOW)));
}

static void
check(const LullCsiCutView *view)
{
    const LullCsiFacts *a = view->rows[0].facts;
    const LullCsiFacts *b = view->rows[1].facts;
    const gboolean cut = a->step == LULL_CSI_CUT && b->step == LULL_CSI_CUT;
    const gboolean over = view->cancelled || (view->until && view->until <= view->now);
    const gboolean hopeless = is_hopeless(view, a) || is_hopeless(view, b);
    g_autoptr(GError) error = NULL;
    gint64 again = 0;
    const LullCsiVerdict verdict = lull_csi_cut_decide(view, &again, &error);

    if (cut)
        ck_assert_int_eq(verdict, LULL_CSI_DONE);
    else
        ck_assert_int_eq(verdict, hopeless || over ? LULL_CSI_GIVE_UP : LULL_CSI_WAIT);
    ck_assert_int_eq(error != NULL, verdict == LULL_CSI_GIVE_UP);
    if (verdict == LULL_CSI_WAIT)
        ck_assert_int_gt(again, view->now);
}

START_TEST(whatever_is_known_of_two_volumes_has_one_verdict)
{
    static const gint64 ends[] = {0, NOW, NOW + LULL_SEC(5)};

    for (guint i = 0; i < N_SORTS * N_SORTS * 2 * 2 * G_N_ELEMENTS(ends); i++) {
        const LullCsiFacts a = facts_of(i % N_SORTS);
        const LullCsiFacts b = facts_of(i / N_SORTS % N_SORTS);
        const guint rest = i / N_SORTS / N_SORTS;
        const LullCsiRow rows[] = {{"root", "vs-root", &a}, {"data", "vs-data", &b}};
        const LullCsiCutView view = {.rows = rows,
                                     .n = 2,
                                     .held = rest % 2,
                                     .cancelled = rest / 2 % 2,
                                     .now = NOW,
                                     .until = ends[rest / 4]};

        check(&view);
    }
}
END_TEST

START_TEST(a_guest_that_waits_is_not_kept_waiting_for_who_is_not_there)
{
    LullCsiFacts facts = {.step = LULL_CSI_POSTED, .since = NOW};
    const LullCsiRow row = {"root", "vs-root", &facts};
    LullCsiCutView view = {.rows = &row, .n = 1, .held = TRUE, .now = NOW, .until = NOW + LULL_SEC(20)};
    g_autoptr(GError) error = NULL;
    gint64 again = 0;

    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, &error), LULL_CSI_WAIT);
    ck_assert_int_eq(again, NOW + LULL_SEC(3));
    view.now = again;
    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, &error), LULL_CSI_GIVE_UP);
    ck_assert_error(error, LULL_ERROR_TIMED_OUT);
    ck_assert_ptr_nonnull(strstr(error->message, "snapshot-controller"));
    facts.step = LULL_CSI_BEGUN; /* the driver takes what it takes */
    g_clear_error(&error);
    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, &error), LULL_CSI_WAIT);
    ck_assert_int_eq(again, view.until);
    facts.step = LULL_CSI_TAKEN;
    view.held = FALSE;
    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, &error), LULL_CSI_WAIT);
    ck_assert_int_eq(again, view.until);
}
END_TEST

START_TEST(a_guest_that_waits_is_not_kept_waiting_for_a_server_that_does_not_answer)
{
    LullCsiFacts facts = {.step = LULL_CSI_WANTED, .since = NOW};
    const LullCsiRow row = {"root", "vs-root", &facts};
    LullCsiCutView view = {.rows = &row, .n = 1, .held = TRUE, .now = NOW, .until = NOW + LULL_SEC(30)};
    g_autoptr(GError) error = NULL;
    gint64 again = 0;

    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, &error), LULL_CSI_WAIT);
    ck_assert_int_eq(again, NOW + LULL_CSI_POST_MAX);
    view.now = again;
    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, &error), LULL_CSI_GIVE_UP);
    ck_assert_error(error, LULL_ERROR_TIMED_OUT);
    ck_assert_ptr_nonnull(strstr(error->message, "the API server has not answered"));
    view.held = FALSE;
    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, NULL), LULL_CSI_WAIT);
    ck_assert_int_eq(again, view.until);
}
END_TEST

START_TEST(an_error_is_told_in_the_storages_own_words)
{
    const LullCsiFacts facts = {.step = LULL_CSI_BEGUN, .error = (char *)"the array is full"};
    const LullCsiRow row = {"root", "vs-root", &facts};
    LullCsiCutView view = {.rows = &row, .n = 1, .held = TRUE, .now = NOW, .until = NOW + LULL_SEC(5)};
    g_autoptr(GError) at_once = NULL;
    g_autoptr(GError) late = NULL;
    gint64 again = 0;

    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, &at_once), LULL_CSI_GIVE_UP);
    ck_assert_str_eq(at_once->message, "volume root: VolumeSnapshot vs-root error: the array is full");
    view.held = FALSE;
    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, NULL), LULL_CSI_WAIT);
    view.now = view.until;
    ck_assert_int_eq(lull_csi_cut_decide(&view, &again, &late), LULL_CSI_GIVE_UP);
    ck_assert_ptr_nonnull(strstr(late->message, "the array is full"));
    ck_assert_error(late, LULL_ERROR_TIMED_OUT);
}
END_TEST

#define REF   "'spec':{'volumeSnapshotRef':{'uid':'vs'},'source':{'volumeHandle':'vol'}}"
#define NOTED "'annotations':{'snapshot.storage.kubernetes.io/volumesnapshot-being-created':'yes'}"

START_TEST(a_content_tells_how_far_its_cut_is)
{
    static const struct {
        const char *content;
        LullCsiStep step;
    } cases[] = {
        {"{'metadata':{'uid':'c'}," REF "}", LULL_CSI_TAKEN},
        {"{'metadata':{'uid':'c'," NOTED "}," REF "}", LULL_CSI_BEGUN},
        {"{'metadata':{'uid':'c'," NOTED "}," REF ",'status':{'creationTime':5}}", LULL_CSI_BEGUN},
        {"{'metadata':{'uid':'c'," NOTED "}," REF ",'status':{'snapshotHandle':'h'}}", LULL_CSI_BEGUN},
        {"{'metadata':{'uid':'c'," NOTED "}," REF ",'status':{'creationTime':0,'snapshotHandle':'h'}}",
         LULL_CSI_BEGUN},
        {"{'metadata':{'uid':'c'," NOTED "}," REF ",'status':{'creationTime':5,'snapshotHandle':'h'}}",
         LULL_CSI_CUT},
        {"{'metadata':{'uid':'c'}," REF ",'status':{'creationTime':5,'snapshotHandle':'h',"
         "'readyToUse':false,'error':{'message':'once'}}}",
         LULL_CSI_CUT},
        {"{'metadata':{'uid':'c'},'spec':{'volumeSnapshotRef':{'uid':'other'}},"
         "'status':{'creationTime':5,'snapshotHandle':'h'}}",
         LULL_CSI_POSTED},
        {"{'metadata':{'uid':'c'},'status':{'creationTime':5,'snapshotHandle':'h'}}", LULL_CSI_POSTED},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) content = json(cases[i].content);
        g_auto(LullCsiFacts) facts = {.step = LULL_CSI_POSTED};

        ck_assert_int_eq(lull_csi_facts_see_content(&facts, content, "vs", "vol", NOW),
                         cases[i].step != LULL_CSI_POSTED);
        ck_assert_msg(facts.step == cases[i].step, "%s", cases[i].content);
        ck_assert(!lull_csi_facts_see_content(&facts, content, "vs", "vol", NOW + 1)); /* nothing new */
    }
}
END_TEST

START_TEST(what_is_cut_of_another_volume_is_no_cut)
{
    g_autoptr(LullJson) other =
        json("{'metadata':{'uid':'c'},'spec':{'volumeSnapshotRef':{'uid':'vs'},'source':{'volumeHandle':"
             "'other'}},'status':{'creationTime':5,'snapshotHandle':'h'}}");
    g_autoptr(LullJson) none = json("{'metadata':{'uid':'c'},'spec':{'volumeSnapshotRef':{'uid':'vs'}}}");
    LullJson *const contents[] = {other, none};

    for (gsize i = 0; i < G_N_ELEMENTS(contents); i++) {
        g_auto(LullCsiFacts) facts = {.step = LULL_CSI_POSTED};

        ck_assert(lull_csi_facts_see_content(&facts, contents[i], "vs", "vol", NOW));
        ck_assert_int_eq(facts.step, LULL_CSI_POSTED);
        ck_assert(facts.final && strstr(facts.error, "not of vol"));
        ck_assert(!lull_csi_facts_see_content(&facts, contents[i], "vs", "vol", NOW)); /* nothing new */
    }
}
END_TEST

START_TEST(what_is_known_is_never_taken_back)
{
    g_autoptr(LullJson) cut =
        json("{'metadata':{'uid':'c'}," REF ",'status':{'creationTime':5,'snapshotHandle':'h'}}");
    g_autoptr(LullJson) again =
        json("{'metadata':{'uid':'d'}," REF ",'status':{'creationTime':9,'snapshotHandle':'i'}}");
    g_autoptr(LullJson) before = json("{'metadata':{'uid':'c'}," REF "}");
    g_autoptr(LullJson) going = json("{'metadata':{'uid':'vs','deletionTimestamp':'2026-01-01T00:00:00Z'}}");
    g_auto(LullCsiFacts) facts = {.step = LULL_CSI_POSTED};

    ck_assert(lull_csi_facts_see_content(&facts, cut, "vs", "vol", NOW));
    ck_assert(!lull_csi_facts_see_content(&facts, before, "vs", "vol", NOW + 1));
    ck_assert(!lull_csi_facts_see_content(&facts, again, "vs", "vol", NOW + 2));
    (void)lull_csi_facts_see_snapshot(&facts, going, NOW + 3);
    ck_assert_int_eq(facts.step, LULL_CSI_CUT);
    ck_assert(!facts.final);
    ck_assert_int_eq(facts.since, NOW);
    ck_assert_int_eq(facts.cut_time, 5);
    ck_assert_str_eq(facts.handle, "h");
    ck_assert_str_eq(facts.content_uid, "c");
}
END_TEST

START_TEST(a_snapshot_tells_errors_that_nothing_else_has)
{
    g_autoptr(LullJson) refused = json("{'metadata':{'uid':'vs'},'status':{'error':{'message':'no such'}}}");
    g_autoptr(LullJson) going = json("{'metadata':{'uid':'vs','deletionTimestamp':'2026-01-01T00:00:00Z'}}");
    g_auto(LullCsiFacts) facts = {0};

    ck_assert(lull_csi_facts_see_snapshot(&facts, refused, NOW));
    ck_assert_int_eq(facts.step, LULL_CSI_POSTED);
    ck_assert_str_eq(facts.error, "no such");
    ck_assert(!facts.final);
    ck_assert(lull_csi_facts_see_snapshot(&facts, going, NOW));
    ck_assert(facts.final);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("cut-decide");
    TCase *tcase = tcase_create("cut-decide");

    tcase_add_test(tcase, whatever_is_known_of_two_volumes_has_one_verdict);
    tcase_add_test(tcase, a_guest_that_waits_is_not_kept_waiting_for_who_is_not_there);
    tcase_add_test(tcase, a_guest_that_waits_is_not_kept_waiting_for_a_server_that_does_not_answer);
    tcase_add_test(tcase, an_error_is_told_in_the_storages_own_words);
    tcase_add_test(tcase, a_content_tells_how_far_its_cut_is);
    tcase_add_test(tcase, what_is_cut_of_another_volume_is_no_cut);
    tcase_add_test(tcase, what_is_known_is_never_taken_back);
    tcase_add_test(tcase, a_snapshot_tells_errors_that_nothing_else_has);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
