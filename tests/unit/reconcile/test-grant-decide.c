/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/grant-book.h"
#include "coordinator/reconcile/grant-decide.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/must.h"

#define NOW   1000
#define LATER (NOW + LULL_GRANT_VALID + LULL_GRANT_SLACK)

static void
check_step(const LullGrantView *view, const LullGrantStep *step)
{
    const gboolean unclaimed = view->granted > view->number;
    const gboolean at_work = view->stage == LULL_CONTENT_BEGUN && !unclaimed &&
                             view->now < view->begun_at +
                                             (view->unquiesced ? LULL_GRANT_PATIENCE : LULL_GRANT_WORK) +
                                             LULL_GRANT_SLACK;

    MUST(step->reason != NULL);
    switch (step->verb) {
    case LULL_GRANT_GIVE: /* never while somebody may be at work, nor what nobody waits for */
        MUST(view->exists && view->wanted && !view->deleting && view->placed && !at_work);
        MUST(view->stage <= LULL_CONTENT_FAILED);
        MUST(lull_grant_next(view) > view->number && lull_grant_next(view) > view->granted &&
             lull_grant_next(view) > view->last);
        MUST(!unclaimed || !view->ours || view->misplaced || view->now >= view->granted_at + view->valid_for);
        break;
    case LULL_GRANT_ADOPT: /* what could be claimed still, and what nobody sees to any more */
        MUST(view->exists && (unclaimed || (view->orphaned && !at_work)));
        MUST(!unclaimed || !view->wanted || view->deleting || !view->placed ||
             view->stage > LULL_CONTENT_FAILED);
        break;
    case LULL_GRANT_WAIT: /* never for ever, where time alone is in the way */
        MUST(step->again_at == 0 || step->again_at > view->now);
        MUST(!view->exists || !unclaimed || (view->wanted && !view->deleting));
        if (view->exists && view->orphaned && (view->deleting || view->stage >= LULL_CONTENT_GIVEN_UP))
            MUST(step->again_at > view->now);
        if (view->exists && at_work && (view->orphaned || (view->wanted && !view->deleting)))
            MUST(step->again_at > view->now);
        break;
    case LULL_GRANT_N:
        ck_abort();
    }
}

START_TEST(test_every_view_has_a_verb_that_breaks_no_rule)
{
    static const gint64 times[] = {
        0, NOW, NOW + LULL_GRANT_VALID, LATER, NOW + 2 * LULL_GRANT_WORK, NOW + 2 * LULL_GRANT_PATIENCE};

    for (guint bits = 0; bits < 1u << 10; bits++)
        for (int stage = 0; stage < LULL_CONTENT_N; stage++)
            for (guint numbers = 0; numbers < 9; numbers++)
                for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
                    const LullGrantView view = {
                        .now = times[i],
                        .exists = (bits & 1) != 0,
                        .deleting = (bits & 2) != 0,
                        .wanted = (bits & 4) != 0,
                        .ours = (bits & 8) != 0,
                        .misplaced = (bits & 16) != 0,
                        .placed = (bits & 32) != 0,
                        .orphaned = (bits & 64) != 0,
                        .retry_at = bits & 128 ? LATER : 0,
                        .unquiesced = (bits & 256) != 0,
                        .lost_at = bits & 512 ? NOW : 0,
                        .stage = (LullContentStage)stage,
                        .number = numbers % 3,
                        .granted = numbers / 3,
                        .last = bits % 3 + numbers / 3,
                        .granted_at = NOW,
                        .begun_at = NOW,
                        .valid_for = LULL_GRANT_VALID,
                    };
                    const LullGrantStep step = lull_grant_decide(&view);

                    check_step(&view, &step);
                }
}
END_TEST

#define WANTED    .exists = TRUE, .wanted = TRUE, .placed = TRUE, .now = NOW
#define UNCLAIMED .granted = 1, .ours = TRUE, .granted_at = NOW, .valid_for = LULL_GRANT_VALID
#define BEGUN     .stage = LULL_CONTENT_BEGUN, .number = 1, .granted = 1, .begun_at = NOW
#define DONE      .stage = LULL_CONTENT_SEALED, .number = 1, .granted = 1

static const struct {
    LullGrantView view;
    LullGrantVerb verb;
} stories[] = {
    {{WANTED}, LULL_GRANT_GIVE},
    {{.exists = TRUE, .placed = TRUE}, LULL_GRANT_WAIT},
    {{.exists = TRUE, .wanted = TRUE}, LULL_GRANT_WAIT},
    {{WANTED, UNCLAIMED}, LULL_GRANT_WAIT},
    /* not claimed: another number, for the same node or another */
    {{.exists = TRUE, .wanted = TRUE, .placed = TRUE, .now = LATER, UNCLAIMED}, LULL_GRANT_GIVE},
    {{WANTED, UNCLAIMED, .misplaced = TRUE}, LULL_GRANT_GIVE},
    {{.exists = TRUE, .wanted = TRUE, UNCLAIMED, .misplaced = TRUE, .now = NOW}, LULL_GRANT_ADOPT},
    /* of a leader before: nobody knows how old it is */
    {{WANTED, .granted = 1, .granted_at = NOW, .valid_for = LULL_GRANT_VALID}, LULL_GRANT_GIVE},
    {{.exists = TRUE, .placed = TRUE, UNCLAIMED, .now = NOW}, LULL_GRANT_ADOPT},
    /* claimed: whoever did is at work, wherever the machine is by now, and whoever leads */
    {{WANTED, BEGUN}, LULL_GRANT_WAIT},
    {{WANTED, BEGUN, .misplaced = TRUE}, LULL_GRANT_WAIT},
    {{WANTED, BEGUN, .orphaned = TRUE}, LULL_GRANT_WAIT},
    {{.exists = TRUE, .wanted = TRUE, .placed = TRUE, BEGUN, .now = NOW + LULL_GRANT_WORK + LULL_GRANT_SLACK},
     LULL_GRANT_GIVE},
    /* nobody is frozen: it may take as long as its snapshot is waited for, or very long */
    {{.exists = TRUE,
      .wanted = TRUE,
      .placed = TRUE,
      BEGUN,
      .unquiesced = TRUE,
      .now = NOW + LULL_GRANT_WORK + LULL_GRANT_SLACK},
     LULL_GRANT_WAIT},
    {{.exists = TRUE,
      .wanted = TRUE,
      .placed = TRUE,
      BEGUN,
      .unquiesced = TRUE,
      .now = NOW + LULL_GRANT_PATIENCE + LULL_GRANT_SLACK},
     LULL_GRANT_GIVE},
    {{.exists = TRUE,
      .orphaned = TRUE,
      BEGUN,
      .unquiesced = TRUE,
      .deadline = NOW + 1,
      .now = NOW + 1 + LULL_GRANT_SLACK},
     LULL_GRANT_ADOPT},
    /* it came to nothing: the next number, after the pause */
    {{WANTED, .stage = LULL_CONTENT_FAILED, .number = 1, .granted = 1}, LULL_GRANT_GIVE},
    {{WANTED, .stage = LULL_CONTENT_FAILED, .number = 1, .granted = 1, .retry_at = LATER}, LULL_GRANT_WAIT},
    {{WANTED, DONE}, LULL_GRANT_WAIT},
    /* its node is no more: somebody has to see to it */
    {{WANTED, DONE, .orphaned = TRUE}, LULL_GRANT_ADOPT},
    {{.exists = TRUE, .deleting = TRUE, .orphaned = TRUE}, LULL_GRANT_ADOPT},
    /* it is not ready just now: what is only kept stays with it for a while */
    {{WANTED, DONE, .orphaned = TRUE, .lost_at = NOW}, LULL_GRANT_WAIT},
    {{WANTED, DONE, .orphaned = TRUE, .lost_at = NOW - LULL_GRANT_RETURN}, LULL_GRANT_ADOPT},
    {{WANTED, .stage = LULL_CONTENT_CUT, .number = 1, .granted = 1, .orphaned = TRUE, .lost_at = NOW},
     LULL_GRANT_ADOPT},
    {{.exists = TRUE, .deleting = TRUE, DONE, .orphaned = TRUE, .lost_at = NOW, .now = NOW},
     LULL_GRANT_ADOPT},
    {{.exists = TRUE, .deleting = TRUE, .orphaned = TRUE, BEGUN, .now = NOW}, LULL_GRANT_WAIT},
    {{.exists = TRUE, .deleting = TRUE, .placed = TRUE, UNCLAIMED, .now = NOW}, LULL_GRANT_ADOPT},
    {{.exists = TRUE, .deleting = TRUE, DONE, .now = NOW}, LULL_GRANT_WAIT},
    {{.orphaned = TRUE}, LULL_GRANT_WAIT},
};

START_TEST(test_gives_takes_back_and_waits)
{
    const LullGrantStep step = lull_grant_decide(&stories[_i].view);

    ck_assert_str_eq(lull_grant_verb_to_string(step.verb), lull_grant_verb_to_string(stories[_i].verb));
}
END_TEST

START_TEST(test_no_number_is_granted_twice)
{
    const LullGrantView claimed = {.number = 4, .granted = 4}, unclaimed = {.number = 3, .granted = 7};
    const LullGrantView taken_back = {.number = 3, .last = 5};

    ck_assert_uint_eq(lull_grant_next(&claimed), 5);
    ck_assert_uint_eq(lull_grant_next(&unclaimed), 8);
    ck_assert_uint_eq(lull_grant_next(&taken_back), 6);
}
END_TEST

START_TEST(test_a_node_that_let_one_pass_is_granted_the_next_again)
{
    const LullGrantView passed = {.exists = TRUE, .wanted = TRUE, .placed = TRUE, .now = LATER, UNCLAIMED};
    const LullGrantView moved = {WANTED, UNCLAIMED, .misplaced = TRUE};
    const LullGrantView earlier = {WANTED, .granted = 1, .granted_at = NOW, .valid_for = LULL_GRANT_VALID};
    const LullGrantView retried = {WANTED, .stage = LULL_CONTENT_FAILED, .number = 1, .granted = 1};

    ck_assert(lull_grant_is_again(&passed));
    ck_assert(!lull_grant_is_again(&moved) && !lull_grant_is_again(&earlier) &&
              !lull_grant_is_again(&retried));
}
END_TEST

START_TEST(test_a_node_does_what_names_it)
{
    static const struct {
        LullChargeFacts facts;
        LullCharge charge;
    } rows[] = {
        {{.labeled = TRUE}, LULL_CHARGE_CARE},
        {{0}, LULL_CHARGE_NONE},
        {{.named = TRUE, .good = TRUE, .granted = 1}, LULL_CHARGE_FULL},
        {{.named = TRUE, .good = TRUE, .granted = 2, .number = 1}, LULL_CHARGE_FULL},
        {{.named = TRUE, .granted = 1}, LULL_CHARGE_CARE}, /* too old, or found at the start */
        {{.named = TRUE, .good = TRUE, .granted = 1, .number = 1}, LULL_CHARGE_CARE}, /* claimed */
        /* a grant says more than a label, which comes with it and may be seen before */
        {{.labeled = TRUE, .granted = 1}, LULL_CHARGE_NONE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        ck_assert_int_eq(lull_charge_of(&rows[i].facts), rows[i].charge);
}
END_TEST

static LullJson *
granted(const char *text)
{
    LullJson *content = json_object_new_object();

    lull_json_set_string(lull_json_ensure(lull_json_ensure(content, "metadata"), "annotations"),
                         "lull.dev/grant", text);
    return content;
}

START_TEST(test_a_grant_reads_as_it_was_written)
{
    const LullGrant grant = {
        .term = 7, .attempt = 3, .node = (char *)"node-a", .valid_for = LULL_SEC(30), .again = _i == 1};
    g_autofree char *text = lull_grant_to_annotation(&grant);
    g_autoptr(LullJson) content = granted(text);
    g_autoptr(LullGrant) read = lull_grant_of(content);

    ck_assert_str_eq(text,
                     _i ? "{\"term\":7,\"attempt\":3,\"node\":\"node-a\",\"validForMs\":30000,\"again\":true}"
                        : "{\"term\":7,\"attempt\":3,\"node\":\"node-a\",\"validForMs\":30000}");
    ck_assert_int_eq(read->again, _i);
    ck_assert_int_eq(read->term, 7);
    ck_assert_uint_eq(read->attempt, 3);
    ck_assert_str_eq(read->node, "node-a");
    ck_assert_int_eq(read->valid_for, LULL_SEC(30));
}
END_TEST

START_TEST(test_of_a_grant_that_is_taken_back_the_number_stays_and_nobody_may_claim_it)
{
    g_autofree char *text = lull_grant_void_annotation(3);
    g_autoptr(LullJson) content = granted(text), none = json_object_new_object();

    ck_assert_str_eq(text, "{\"attempt\":3}");
    ck_assert_ptr_null(lull_grant_of(content));
    ck_assert_uint_eq(lull_grant_last(content), 3);
    ck_assert_uint_eq(lull_grant_last(none), 0);
}
END_TEST

START_TEST(test_nonsense_grants_nothing)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "7",
        "{\"term\":7,\"attempt\":3,\"node\":\"node-a\"}",
        "{\"term\":7,\"attempt\":3,\"node\":\"node-a\",\"validForMs\":-1}",
        "{\"term\":7,\"attempt\":3,\"node\":\"node-a\",\"validForMs\":9223372036854775807}",
        "{\"term\":7,\"attempt\":0,\"node\":\"node-a\",\"validForMs\":1}",
        "{\"term\":7,\"attempt\":4294967297,\"node\":\"node-a\",\"validForMs\":1}",
        "{\"term\":7,\"attempt\":1,\"node\":\"\",\"validForMs\":1}",
        "{\"term\":7,\"attempt\":1,\"node\":{},\"validForMs\":1}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LullJson) content = granted(texts[i]);
        g_autoptr(LullGrant) grant = lull_grant_of(content);

        ck_assert_msg(!grant, "%s", texts[i]);
    }
}
END_TEST

/* What a node remembers. */

#define UID   "u"
#define GRANT ((LullGrant){.term = 2, .attempt = 1, .node = (char *)"a", .valid_for = 30})

START_TEST(test_a_grant_is_good_from_when_it_was_seen_first)
{
    g_autoptr(LullGrantBook) book = lull_grant_book_new();
    const LullGrant grant = GRANT;

    ck_assert(!lull_grant_book_is_good(book, UID, &grant, 100));
    lull_grant_book_see(book, UID, &grant, 0, 100);
    ck_assert(lull_grant_book_is_good(book, UID, &grant, 100));
    lull_grant_book_see(book, UID, &grant, 0, 129); /* the same event once more */
    ck_assert(lull_grant_book_is_good(book, UID, &grant, 129));
    ck_assert(!lull_grant_book_is_good(book, UID, &grant, 130));
    ck_assert_int_eq(lull_grant_book_granted_at(book, UID, 130), 100);
}
END_TEST

START_TEST(test_what_was_there_at_the_start_is_void_for_good)
{
    g_autoptr(LullGrantBook) book = lull_grant_book_new();
    const LullGrant grant = GRANT, next = {.term = 2, .attempt = 2, .node = (char *)"a", .valid_for = 30};

    lull_grant_book_find(book, UID, &grant);
    lull_grant_book_see(book, UID, &grant, 0, 100);
    ck_assert(!lull_grant_book_is_good(book, UID, &grant, 100));
    lull_grant_book_see(book, UID, &next, 0, 101);
    ck_assert(lull_grant_book_is_good(book, UID, &next, 101));
    ck_assert(!lull_grant_book_is_good(book, UID, &grant, 101)); /* told late: not the one that is there */
}
END_TEST

START_TEST(test_no_leader_is_heard_after_one_of_a_later_term)
{
    g_autoptr(LullGrantBook) book = lull_grant_book_new();
    const LullGrant grant = GRANT, later = {.term = 3, .attempt = 1, .node = (char *)"b", .valid_for = 30};

    lull_grant_book_see(book, "other", &later, 0, 99);
    lull_grant_book_see(book, UID, &grant, 0, 100);
    ck_assert(!lull_grant_book_is_good(book, UID, &grant, 100));
}
END_TEST

START_TEST(test_work_counts_from_before_its_claim_was_sent)
{
    g_autoptr(LullGrantBook) book = lull_grant_book_new();
    const LullGrant grant = GRANT;

    lull_grant_book_see(book, UID, &grant, 0, 100);
    lull_grant_book_claim(book, UID, 1, 105);
    lull_grant_book_see(book, UID, &grant, 1, 700); /* its answer came late */
    ck_assert_int_eq(lull_grant_book_begun_at(book, UID, 700), 105);
    lull_grant_book_forget(book, UID);
    ck_assert_int_eq(lull_grant_book_begun_at(book, UID, 800), 800);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("grant-decide");
    TCase *tcase = tcase_create("grant-decide");

    tcase_add_test(tcase, test_every_view_has_a_verb_that_breaks_no_rule);
    tcase_add_loop_test(tcase, test_gives_takes_back_and_waits, 0, G_N_ELEMENTS(stories));
    tcase_add_test(tcase, test_no_number_is_granted_twice);
    tcase_add_test(tcase, test_a_node_that_let_one_pass_is_granted_the_next_again);
    tcase_add_test(tcase, test_a_node_does_what_names_it);
    tcase_add_loop_test(tcase, test_a_grant_reads_as_it_was_written, 0, 2);
    tcase_add_test(tcase, test_of_a_grant_that_is_taken_back_the_number_stays_and_nobody_may_claim_it);
    tcase_add_test(tcase, test_nonsense_grants_nothing);
    tcase_add_test(tcase, test_a_grant_is_good_from_when_it_was_seen_first);
    tcase_add_test(tcase, test_what_was_there_at_the_start_is_void_for_good);
    tcase_add_test(tcase, test_no_leader_is_heard_after_one_of_a_later_term);
    tcase_add_test(tcase, test_work_counts_from_before_its_claim_was_sent);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
