/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-state.h"

#include <string.h>

#include "coordinator/model/annotation.h"
#include "coordinator/reconcile/content-view.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

static LullContentState *
read_back(const LullContentState *state)
{
    g_autofree char *text = lull_content_state_to_annotation(state);
    g_autoptr(LullJson) content = json_object_new_object();

    lull_json_set_string(lull_json_ensure(lull_json_ensure(content, "metadata"), "annotations"),
                         LULL_ANNOTATION_ATTEMPT, text);
    return lull_content_state_of(content);
}

START_TEST(what_is_written_is_read_again)
{
    char life[] = "node-a_1";
    char why[] = "the guest could not be asked";
    char uid[] = "2c9f";
    const LullContentState state = {.stage = LULL_CONTENT_FAILED,
                                    .number = 3,
                                    .quiesced = 2,
                                    .unquiesced = TRUE,
                                    .refused = TRUE,
                                    .queue = LULL_SEC(60),
                                    .failed_cuts = 1,
                                    .life = life,
                                    .error = why,
                                    .content = uid};
    g_autoptr(LullContentState) again = read_back(&state);

    ck_assert_int_eq(again->stage, state.stage);
    ck_assert_uint_eq(again->number, 3);
    ck_assert_uint_eq(again->quiesced, 2);
    ck_assert(again->unquiesced);
    ck_assert(again->refused);
    ck_assert_int_eq(again->queue, LULL_SEC(60));
    ck_assert_uint_eq(again->failed_cuts, 1);
    ck_assert_str_eq(again->life, life);
    ck_assert_str_eq(again->error, why);
    ck_assert_str_eq(again->content, uid);
}
END_TEST

/* An API server takes 256 KiB of annotations, all together. */
START_TEST(an_error_of_any_length_can_be_kept)
{
    g_autofree char *why = g_strnfill(4 * 1024 * 1024, '\n');
    char none[] = "";
    const LullContentState state = {
        .stage = LULL_CONTENT_FAILED, .number = 1, .life = none, .content = none, .error = why};
    g_autofree char *text = lull_content_state_to_annotation(&state);
    g_autoptr(LullContentState) again = read_back(&state);

    ck_assert_uint_lt(strlen(text), 16 * 1024);
    ck_assert_int_eq(again->stage, LULL_CONTENT_FAILED);
    ck_assert_uint_eq(again->number, 1);
}
END_TEST

#define PAUSE LULL_SEC(10)

static const struct {
    guint number;
    gboolean refused;
    gint64 pause;
} pauses[] = {{1, FALSE, PAUSE},       {2, FALSE, 2 * PAUSE}, {3, FALSE, 4 * PAUSE},
              {40, FALSE, 16 * PAUSE}, {1, TRUE, PAUSE},      {40, TRUE, PAUSE}};

START_TEST(what_was_refused_makes_no_pause_longer)
{
    char why[] = "others come first";
    const LullContentState state = {.stage = LULL_CONTENT_FAILED,
                                    .number = pauses[_i].number,
                                    .refused = pauses[_i].refused,
                                    .time = LULL_SEC(1000),
                                    .error = why};

    ck_assert_int_eq(lull_content_retry_at(&state, PAUSE, LULL_SEC(1000)) - state.time, pauses[_i].pause);
}
END_TEST

/* A clock that steps back must not make anybody wait for as long as the step was. */
START_TEST(what_failed_in_the_future_is_tried_again_at_once)
{
    char why[] = "a clock was wrong";
    const LullContentState state = {
        .stage = LULL_CONTENT_FAILED, .number = 1, .time = LULL_SEC(5000), .error = why};

    ck_assert_int_eq(lull_content_retry_at(&state, PAUSE, LULL_SEC(4999)), LULL_SEC(5010));
    ck_assert_int_eq(lull_content_retry_at(&state, PAUSE, LULL_SEC(1000)), 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("content-state");
    TCase *tcase = tcase_create("content-state");

    tcase_add_test(tcase, what_is_written_is_read_again);
    tcase_add_test(tcase, an_error_of_any_length_can_be_kept);
    tcase_add_loop_test(tcase, what_was_refused_makes_no_pause_longer, 0, G_N_ELEMENTS(pauses));
    tcase_add_test(tcase, what_failed_in_the_future_is_tried_again_at_once);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
