/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-state.h"

#include <string.h>

#include "coordinator/model/annotation.h"
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
    const LullContentState state = {LULL_CONTENT_FAILED, 3, 2, TRUE, 1, life, 0, why, uid, FALSE, NULL};
    g_autoptr(LullContentState) again = read_back(&state);

    ck_assert_int_eq(again->stage, state.stage);
    ck_assert_uint_eq(again->number, 3);
    ck_assert_uint_eq(again->quiesced, 2);
    ck_assert(again->unquiesced);
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

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("content-state");
    TCase *tcase = tcase_create("content-state");

    tcase_add_test(tcase, what_is_written_is_read_again);
    tcase_add_test(tcase, an_error_of_any_length_can_be_kept);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
