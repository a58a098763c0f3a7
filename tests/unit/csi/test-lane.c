/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/lane.h"

#include <string.h>

#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define MANY 4 /* volumes of a cut, at most */

static LullCsi csi;

/* A cut of volumes, each of the class that a letter names. */
typedef struct {
    LullCsiCut cut;
    LullCsiPlanned planned[MANY];
    LullCsiVolumeCut volumes[MANY];
} Made;

static void
make(Made *self, const char *classes)
{
    memset(self, 0, sizeof *self);
    self->cut.csi = &csi;
    self->cut.n = (guint)strlen(classes);
    self->cut.volumes = self->volumes;
    self->cut.runs = g_array_new(FALSE, FALSE, sizeof(LullCsiRun));
    for (guint i = 0; i < self->cut.n; i++) {
        g_autofree char *text = g_strdup_printf("{'spec':{'volumeSnapshotClassName':'%c'}}", classes[i]);

        self->planned[i] = (LullCsiPlanned){.driver = (char *)"driver.example", .object = json(text)};
        self->volumes[i].planned = &self->planned[i];
    }
    lull_csi_cut_find_lanes(&self->cut);
}

static void
clear(Made *self)
{
    for (guint i = 0; i < self->cut.n; i++) {
        lull_json_put(self->planned[i].object);
        lull_csi_facts_clear(&self->volumes[i].facts);
    }
    g_array_unref(self->cut.runs);
}

/* Volume @i is known to be cut, so long after it was asked for. */
static void
see_cut(Made *self, guint i, gint64 after)
{
    self->volumes[i].facts.step = LULL_CSI_CUT;
    self->volumes[i].facts.since = self->cut.asked + after;
}

static void
end(Made *self, gint64 after)
{
    lull_csi_cut_leave_lanes(&self->cut, self->cut.asked + after);
    lull_csi_cut_note_pace(&self->cut);
    clear(self);
}

/* All that is asked for at once, and its last volume takes so long. */
static void
cut_all(const char *classes, gint64 took)
{
    Made made;

    make(&made, classes);
    lull_csi_cut_enter_lanes(&made.cut, lull_clock_boottime());
    for (guint i = 0; i < made.cut.n; i++)
        see_cut(&made, i, took);
    end(&made, took);
}

static LullCutForecast
forecast(const char *classes)
{
    LullCutForecast found = {0};
    Made made;

    make(&made, classes);
    lull_csi_forecast(&made.cut.base, &found);
    clear(&made);
    return found;
}

static void
set_up(void)
{
    g_mutex_init(&csi.lock);
    csi.lanes = lull_csi_lanes_new();
}

static void
tear_down(void)
{
    g_hash_table_unref(csi.lanes);
    g_mutex_clear(&csi.lock);
}

START_TEST(a_cut_takes_as_long_as_its_last_volume)
{
    Made made;

    for (int i = 0; i < 2; i++) {
        make(&made, "aa");
        lull_csi_cut_enter_lanes(&made.cut, lull_clock_boottime());
        see_cut(&made, 0, LULL_SEC(7));
        see_cut(&made, 1, LULL_SEC(2));
        end(&made, LULL_SEC(7));
    }
    ck_assert_int_eq(forecast("aa").alone, LULL_SEC(7));
    ck_assert_str_eq(forecast("aa").by, "driver.example (class a)");
    ck_assert_int_eq(forecast("b").alone, 0);
}
END_TEST

START_TEST(the_slowest_lane_says_how_long_a_cut_takes)
{
    Made made;

    for (int i = 0; i < 2; i++) {
        make(&made, "ab");
        lull_csi_cut_enter_lanes(&made.cut, lull_clock_boottime());
        see_cut(&made, 0, LULL_SEC(1));
        see_cut(&made, 1, LULL_SEC(5));
        end(&made, LULL_SEC(5));
    }
    ck_assert_int_eq(forecast("ab").alone, LULL_SEC(5));
    ck_assert_int_eq(forecast("ba").alone, LULL_SEC(5));
    ck_assert_str_eq(forecast("ab").by, "driver.example (class b)");
    ck_assert_int_eq(forecast("a").alone, LULL_SEC(1));
}
END_TEST

START_TEST(what_others_have_cut_is_before_it_until_it_is)
{
    Made first;
    Made second;
    LullCutForecast found;

    make(&first, "aaa");
    lull_csi_cut_enter_lanes(&first.cut, lull_clock_boottime());
    for (int i = 0; i < 2; i++) {
        make(&second, "a");
        lull_csi_cut_enter_lanes(&second.cut, lull_clock_boottime());
        see_cut(&second, 0, LULL_SEC(8));
        end(&second, LULL_SEC(8)); /* four were under way */
    }
    found = forecast("a");
    ck_assert_int_eq(found.alone, LULL_SEC(2));
    ck_assert_int_eq(found.behind, LULL_SEC(8));
    ck_assert_uint_eq(found.others, 3);
    lull_csi_cut_leave_lanes(&first.cut, first.cut.asked + LULL_SEC(1));
    clear(&first);
    found = forecast("a");
    ck_assert_int_eq(found.behind, LULL_SEC(2));
    ck_assert_uint_eq(found.others, 0);
}
END_TEST

START_TEST(what_is_cut_is_before_nobody_though_the_rest_of_it_is_waited_for)
{
    Made first;

    cut_all("ab", LULL_SEC(4));
    cut_all("ab", LULL_SEC(4));
    make(&first, "aaab");
    lull_csi_cut_enter_lanes(&first.cut, lull_clock_boottime());
    see_cut(&first, 1, LULL_SEC(1));
    lull_csi_cut_pass_lanes(&first.cut);
    lull_csi_cut_pass_lanes(&first.cut);
    ck_assert_int_eq(forecast("a").others, 2);
    ck_assert_int_eq(forecast("b").others, 1);
    lull_csi_cut_leave_lanes(&first.cut, first.cut.asked + LULL_SEC(9));
    ck_assert_int_eq(forecast("a").others, 0);
    ck_assert_int_eq(forecast("b").others, 0);
    clear(&first);
}
END_TEST

START_TEST(what_is_slow_and_what_has_a_queue_may_be_two_lanes)
{
    Made others;
    LullCutForecast found;

    for (int i = 0; i < 2; i++) {
        make(&others, "bbbb");
        lull_csi_cut_enter_lanes(&others.cut, lull_clock_boottime());
        for (guint k = 0; k < others.cut.n; k++)
            see_cut(&others, k, LULL_SEC(8));
        end(&others, LULL_SEC(8));
        cut_all("a", LULL_SEC(5));
    }
    make(&others, "bbb");
    lull_csi_cut_enter_lanes(&others.cut, lull_clock_boottime());
    found = forecast("ab");
    ck_assert_int_eq(found.alone, LULL_SEC(5));
    ck_assert_str_eq(found.by, "driver.example (class a)");
    ck_assert_int_eq(found.behind, LULL_SEC(8));
    ck_assert_str_eq(found.behind_by, "driver.example (class b)");
    ck_assert_uint_eq(found.others, 3);
    lull_csi_cut_leave_lanes(&others.cut, others.cut.asked + 1);
    clear(&others);
}
END_TEST

START_TEST(whom_an_api_server_would_keep_frozen_is_told)
{
    LullCutForecast found = {0};
    Made made;

    make(&made, "aa");
    made.cut.slowest = LULL_SEC(4);
    lull_csi_forecast(&made.cut.base, &found);
    ck_assert_int_eq(found.asking, 0);
    made.cut.slowest = LULL_SEC(5);
    lull_csi_forecast(&made.cut.base, &found);
    ck_assert_int_eq(found.asking, LULL_SEC(5));
    clear(&made);
}
END_TEST

START_TEST(what_was_given_up_takes_that_long_at_least)
{
    Made made;

    for (int i = 0; i < 2; i++) {
        make(&made, "aa");
        lull_csi_cut_enter_lanes(&made.cut, lull_clock_boottime());
        see_cut(&made, 0, LULL_SEC(1));
        end(&made, LULL_SEC(20));
    }
    ck_assert_int_eq(forecast("aa").alone, LULL_SEC(20));
}
END_TEST

START_TEST(what_went_wrong_or_was_never_asked_for_says_nothing_of_time)
{
    Made made;

    make(&made, "a");
    lull_csi_cut_enter_lanes(&made.cut, lull_clock_boottime());
    see_cut(&made, 0, LULL_SEC(30));
    made.volumes[0].facts.error = g_strdup("it was tried again");
    end(&made, LULL_SEC(30));
    make(&made, "a");
    lull_csi_cut_enter_lanes(&made.cut, lull_clock_boottime());
    made.volumes[0].facts.final = TRUE;
    end(&made, LULL_SEC(30));
    make(&made, "a");
    lull_csi_cut_note_pace(&made.cut);
    clear(&made);
    ck_assert_int_eq(forecast("a").alone, 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("lane");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_cut_takes_as_long_as_its_last_volume);
    tcase_add_test(tcase, the_slowest_lane_says_how_long_a_cut_takes);
    tcase_add_test(tcase, what_others_have_cut_is_before_it_until_it_is);
    tcase_add_test(tcase, what_is_cut_is_before_nobody_though_the_rest_of_it_is_waited_for);
    tcase_add_test(tcase, what_is_slow_and_what_has_a_queue_may_be_two_lanes);
    tcase_add_test(tcase, whom_an_api_server_would_keep_frozen_is_told);
    tcase_add_test(tcase, what_was_given_up_takes_that_long_at_least);
    tcase_add_test(tcase, what_went_wrong_or_was_never_asked_for_says_nothing_of_time);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
