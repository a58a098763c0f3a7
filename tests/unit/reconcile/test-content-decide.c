/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-decide.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/unit/reconcile/must.h"

static gboolean
waits_in_vain(const LullContentView *view, const LullContentStep *step)
{
    const LullWork works[] = {view->attempt, view->discard, view->seal, view->removal, view->follow};

    for (gsize i = 0; i < G_N_ELEMENTS(works); i++)
        if (works[i] == LULL_WORK_RUNNING)
            return FALSE;
    if (!view->exists || (view->deleting && !view->has_finalizer) || step->again_at > view->now)
        return FALSE;
    if (view->charge == LULL_CHARGE_NONE)
        return FALSE;
    if (view->charge == LULL_CHARGE_CARE && view->stage != LULL_CONTENT_CUT && !view->deleting &&
        view->stage != LULL_CONTENT_BEGUN)
        return FALSE; /* for a grant */
    return view->deleting || view->stage == LULL_CONTENT_CUT ||
           (view->wanted && view->stage < LULL_CONTENT_GIVEN_UP);
}

static void
check_step(const LullContentView *view, const LullContentStep *step)
{
    MUST(step->reason != NULL);
    if (view->charge == LULL_CHARGE_NONE) /* whatever it is, another node does it */
        MUST(step->verb == LULL_CONTENT_WAIT || step->verb == LULL_CONTENT_ABANDON);
    if (step->verb == LULL_CONTENT_BEGIN_ATTEMPT || step->verb == LULL_CONTENT_BEGIN_UNQUIESCED ||
        step->verb == LULL_CONTENT_RECORD_BARE)
        MUST(view->charge == LULL_CHARGE_FULL);
    if (step->verb == LULL_CONTENT_START_ATTEMPT || step->verb == LULL_CONTENT_RECORD_ATTEMPT)
        MUST(!view->superseded);
    switch (step->verb) {
    case LULL_CONTENT_BEGIN_ATTEMPT:
        MUST(view->wanted && !view->deleting && view->now >= view->retry_at);
        MUST(view->stage == LULL_CONTENT_NEW || view->stage == LULL_CONTENT_FAILED);
        MUST(view->quiesced < 2 && !view->unquiesced); /* nobody freezes a guest again and again */
        break;
    case LULL_CONTENT_BEGIN_UNQUIESCED:
        MUST(view->wanted && !view->deleting && !view->strict);
        MUST(view->quiesced > 0 || view->queue > 0 || view->unquiesced);
        MUST(!view->unquiesced || view->now >= view->retry_at);
        break;
    case LULL_CONTENT_RECORD_REFUSAL:
        MUST(view->wanted && !view->deleting && view->strict);
        MUST(view->quiesced >= 2 || view->unquiesced);
        break;
    case LULL_CONTENT_START_ATTEMPT: /* only under a number of this life, written before */
        MUST(view->wanted && !view->deleting && view->ours && view->stage == LULL_CONTENT_BEGUN);
        MUST(view->attempt == LULL_WORK_NONE);
        break;
    case LULL_CONTENT_START_DISCARD:
        MUST(view->stage == LULL_CONTENT_BEGUN);
        MUST(view->superseded ? view->attempt != LULL_WORK_RUNNING
                              : !view->ours && view->attempt == LULL_WORK_NONE);
        break;
    case LULL_CONTENT_START_SEAL:
        MUST(view->stage == LULL_CONTENT_CUT && view->follow == LULL_WORK_DONE && !view->deleting);
        MUST(view->copy == LULL_COPY_DONE);
        break;
    case LULL_CONTENT_START_FOLLOW:
        MUST(view->stage == LULL_CONTENT_CUT && view->follow == LULL_WORK_NONE && !view->deleting);
        break;
    case LULL_CONTENT_CANCEL_FOLLOW:
        MUST(view->follow == LULL_WORK_RUNNING && view->deleting);
        break;
    case LULL_CONTENT_START_REMOVAL: /* nothing may be at work on what is removed */
        MUST(view->deleting && view->attempt != LULL_WORK_RUNNING && view->seal != LULL_WORK_RUNNING);
        MUST(view->follow != LULL_WORK_RUNNING);
        break;
    case LULL_CONTENT_REMOVE_FINALIZER:
        MUST(view->deleting && view->attempt != LULL_WORK_RUNNING);
        MUST(view->bare || view->removal == LULL_WORK_DONE);
        break;
    case LULL_CONTENT_RECORD_ATTEMPT:
        MUST(view->attempt == LULL_WORK_DONE && view->stage == LULL_CONTENT_BEGUN);
        break;
    case LULL_CONTENT_RECORD_SEAL:
        MUST(view->seal_unsaid || (view->seal == LULL_WORK_DONE && view->stage == LULL_CONTENT_CUT));
        break;
    case LULL_CONTENT_RECORD_LOSS:
        MUST(view->stage == LULL_CONTENT_CUT && view->seal == LULL_WORK_NONE);
        MUST(view->follow == LULL_WORK_DONE);
        MUST(view->copy == LULL_COPY_FAILED || view->copy == LULL_COPY_ABSENT);
        break;
    case LULL_CONTENT_FORGET_FAILURE:
        MUST(view->seal == LULL_WORK_FAILED || view->removal == LULL_WORK_FAILED ||
             view->discard == LULL_WORK_FAILED || view->follow == LULL_WORK_FAILED);
        break;
    case LULL_CONTENT_RECORD_DISCARD:
        MUST(view->discard == LULL_WORK_DONE && (!view->ours || view->superseded));
        break;
    case LULL_CONTENT_CANCEL_ATTEMPT:
        MUST(view->attempt == LULL_WORK_RUNNING);
        MUST(view->deleting || !view->wanted || view->superseded);
        break;
    case LULL_CONTENT_RECORD_BARE:
        MUST(view->bare && view->wanted && view->stage != LULL_CONTENT_BEGUN);
        break;
    case LULL_CONTENT_ABANDON:
        MUST(view->charge == LULL_CHARGE_NONE);
        break;
    case LULL_CONTENT_CANCEL_SEAL:
        MUST(view->seal == LULL_WORK_RUNNING && view->deleting);
        break;
    case LULL_CONTENT_WRITE_STATUS:
        MUST(view->status_stale && !view->deleting);
        break;
    case LULL_CONTENT_WRITE_PROGRESS:
        MUST(view->progress_stale);
        break;
    case LULL_CONTENT_WAIT: /* never for nothing, nor for ever where more can be tried */
        MUST(!waits_in_vain(view, step));
        break;
    case LULL_CONTENT_N_VERBS:
        ck_abort();
    }
    if (view->exists && view->attempt == LULL_WORK_RUNNING && view->deleting &&
        view->charge != LULL_CHARGE_NONE)
        MUST(step->verb == LULL_CONTENT_CANCEL_ATTEMPT);
}

START_TEST(test_every_view_has_a_verb_that_breaks_no_rule)
{
    for (guint bits = 0; bits < 1u << 8; bits++)
        for (int stage = 0; stage < LULL_CONTENT_N; stage++)
            for (guint work = 0; work < 1024; work++)
                for (int copy = 0; copy <= LULL_COPY_ABSENT; copy++) {
                    const guint tries = work % 24; /* these matter where no work is */
                    const LullContentView view = {
                        .now = 10,
                        .exists = (bits & 1) != 0,
                        .deleting = (bits & 2) != 0,
                        .has_finalizer = (bits & 4) != 0,
                        .wanted = (bits & 8) != 0,
                        .ours = (bits & 16) != 0,
                        .status_stale = (bits & 32) != 0,
                        .progress_stale = (bits & 128) != 0,
                        .retry_at = bits & 64 ? 11 : 0,
                        .quiesced = tries % 3,
                        .strict = tries / 3 % 2 != 0,
                        .unquiesced = tries / 6 % 2 != 0,
                        .deadline = tries / 12 ? 15 : 0,
                        .queue = work % 5 ? 0 : 3,
                        .stage = (LullContentStage)stage,
                        .attempt = (LullWork)(work & 3),
                        .discard = (LullWork)(work >> 2 & 3),
                        .seal = (LullWork)(work >> 4 & 3),
                        .removal = (LullWork)(work >> 6 & 3),
                        .follow = (LullWork)(work >> 8 & 3),
                        .copy = (LullCopyState)copy,
                    };
                    const LullContentStep step = lull_content_decide(&view);

                    /* never said: a copy that has ended and runs */
                    if (view.attempt == LULL_WORK_FAILED ||
                        (view.follow == LULL_WORK_DONE && view.copy == LULL_COPY_RUNNING))
                        continue;
                    check_step(&view, &step);
                }
}
END_TEST

/* Where attempts are granted: whose they are, and whether another has been granted. */
START_TEST(test_every_view_of_a_node_has_a_verb_that_breaks_no_rule)
{
    for (guint bits = 0; bits < 1u << 9; bits++)
        for (int stage = 0; stage < LULL_CONTENT_N; stage++)
            for (guint work = 0; work < 3 * 4; work++)
                for (int charge = 0; charge <= LULL_CHARGE_NONE; charge++) {
                    const LullContentView view = {
                        .now = 10,
                        .exists = TRUE,
                        .charge = (LullCharge)charge,
                        .deleting = (bits & 1) != 0,
                        .has_finalizer = (bits & 2) != 0,
                        .wanted = (bits & 4) != 0,
                        .ours = (bits & 8) != 0,
                        .status_stale = (bits & 16) != 0,
                        .superseded = (bits & 32) != 0,
                        .bare = (bits & 64) != 0,
                        .retry_at = bits & 128 ? 11 : 0,
                        .strict = (bits & 256) != 0,
                        .stage = (LullContentStage)stage,
                        .attempt = (LullWork)(work % 3),
                        .discard = (LullWork)(work / 3),
                    };
                    const LullContentStep step = lull_content_decide(&view);

                    check_step(&view, &step);
                }
}
END_TEST

#define HERE   .exists = TRUE, .has_finalizer = TRUE, .now = 10
#define WANTED HERE, .wanted = TRUE
#define GOING  HERE, .deleting = TRUE
#define BEGUN  .stage = LULL_CONTENT_BEGUN
#define CUT    .stage = LULL_CONTENT_CUT
#define FAILED .stage = LULL_CONTENT_FAILED
#define COPIED CUT, .follow = LULL_WORK_DONE, .copy = LULL_COPY_DONE

static const struct {
    LullContentView view;
    LullContentVerb verb;
} stories[] = {
    {{WANTED}, LULL_CONTENT_BEGIN_ATTEMPT},
    {{HERE}, LULL_CONTENT_WAIT},
    {{WANTED, BEGUN, .ours = TRUE}, LULL_CONTENT_START_ATTEMPT},
    {{WANTED, BEGUN, .ours = TRUE, .attempt = LULL_WORK_RUNNING}, LULL_CONTENT_WAIT},
    {{HERE, BEGUN, .ours = TRUE, .attempt = LULL_WORK_RUNNING}, LULL_CONTENT_CANCEL_ATTEMPT},
    {{WANTED, BEGUN, .ours = TRUE, .attempt = LULL_WORK_DONE}, LULL_CONTENT_RECORD_ATTEMPT},
    /* granted to another node, or to nobody yet */
    {{WANTED, .charge = LULL_CHARGE_NONE}, LULL_CONTENT_WAIT},
    {{WANTED, .charge = LULL_CHARGE_CARE}, LULL_CONTENT_WAIT},
    {{WANTED, .charge = LULL_CHARGE_NONE, .status_stale = TRUE}, LULL_CONTENT_WAIT},
    {{WANTED, BEGUN, .charge = LULL_CHARGE_NONE, .ours = TRUE, .attempt = LULL_WORK_RUNNING},
     LULL_CONTENT_ABANDON},
    /* the node was taken for lost, and comes back: it is not asked any more how it went */
    {{WANTED, BEGUN, .superseded = TRUE, .ours = TRUE, .attempt = LULL_WORK_RUNNING},
     LULL_CONTENT_CANCEL_ATTEMPT},
    {{WANTED, BEGUN, .superseded = TRUE, .ours = TRUE, .attempt = LULL_WORK_DONE},
     LULL_CONTENT_START_DISCARD},
    {{WANTED, BEGUN, .superseded = TRUE, .discard = LULL_WORK_DONE}, LULL_CONTENT_RECORD_DISCARD},
    /* nothing but a configuration */
    {{WANTED, .bare = TRUE}, LULL_CONTENT_RECORD_BARE},
    {{WANTED, .bare = TRUE, .charge = LULL_CHARGE_CARE}, LULL_CONTENT_WAIT},
    {{GOING, .bare = TRUE, .stage = LULL_CONTENT_SEALED}, LULL_CONTENT_REMOVE_FINALIZER},
    /* begun by an earlier life: its data goes, then the next number */
    {{WANTED, BEGUN}, LULL_CONTENT_START_DISCARD},
    {{HERE, BEGUN}, LULL_CONTENT_START_DISCARD},
    {{WANTED, BEGUN, .discard = LULL_WORK_RUNNING}, LULL_CONTENT_WAIT},
    {{WANTED, BEGUN, .discard = LULL_WORK_FAILED}, LULL_CONTENT_FORGET_FAILURE},
    {{WANTED, BEGUN, .discard = LULL_WORK_DONE}, LULL_CONTENT_RECORD_DISCARD},
    {{WANTED, .stage = LULL_CONTENT_FAILED}, LULL_CONTENT_BEGIN_ATTEMPT},
    {{WANTED, .stage = LULL_CONTENT_FAILED, .retry_at = 11}, LULL_CONTENT_WAIT},
    /* not quiesced: once more after a pause, then without a freeze and at once */
    {{WANTED, FAILED, .quiesced = 1, .retry_at = 11}, LULL_CONTENT_WAIT},
    {{WANTED, FAILED, .quiesced = 1}, LULL_CONTENT_BEGIN_ATTEMPT},
    {{WANTED, FAILED, .quiesced = 2, .retry_at = 11}, LULL_CONTENT_BEGIN_UNQUIESCED},
    {{WANTED, FAILED, .quiesced = 2, .strict = TRUE, .retry_at = 11}, LULL_CONTENT_RECORD_REFUSAL},
    /* at once, too, where the deadline leaves no time for another freeze, which only a level worth it waits
       for */
    {{WANTED, FAILED, .quiesced = 1, .retry_at = 11, .deadline = 11 + LULL_SEC(10)}, LULL_CONTENT_WAIT},
    {{WANTED, FAILED, .quiesced = 1, .retry_at = 11, .deadline = 10 + LULL_SEC(10)},
     LULL_CONTENT_BEGIN_UNQUIESCED},
    {{WANTED, FAILED, .quiesced = 1, .retry_at = 11, .deadline = 12, .strict = TRUE}, LULL_CONTENT_WAIT},
    {{WANTED, .deadline = 11}, LULL_CONTENT_BEGIN_ATTEMPT},
    /* whoever queues does so as long as there is time to be cut behind all that are in the queue */
    {{WANTED, FAILED, .queue = LULL_SEC(60), .retry_at = 11, .deadline = 11 + LULL_SEC(90)},
     LULL_CONTENT_WAIT},
    {{WANTED, FAILED, .queue = LULL_SEC(60), .deadline = 10 + LULL_SEC(90)}, LULL_CONTENT_BEGIN_ATTEMPT},
    {{WANTED, FAILED, .queue = LULL_SEC(60), .retry_at = 11, .deadline = 10 + LULL_SEC(90)},
     LULL_CONTENT_BEGIN_UNQUIESCED},
    {{WANTED, FAILED, .queue = LULL_SEC(60), .deadline = 12, .strict = TRUE}, LULL_CONTENT_BEGIN_ATTEMPT},
    {{WANTED, FAILED, .queue = LULL_SEC(60)}, LULL_CONTENT_BEGIN_ATTEMPT},
    /* the last resort failed for another reason: again, after a pause */
    {{WANTED, FAILED, .quiesced = 2, .unquiesced = TRUE, .retry_at = 11}, LULL_CONTENT_WAIT},
    {{WANTED, FAILED, .quiesced = 2, .unquiesced = TRUE}, LULL_CONTENT_BEGIN_UNQUIESCED},
    {{HERE, FAILED, .quiesced = 2}, LULL_CONTENT_WAIT},
    {{WANTED, .stage = LULL_CONTENT_REFUSED}, LULL_CONTENT_WAIT},
    {{WANTED, CUT, .status_stale = TRUE}, LULL_CONTENT_WRITE_STATUS},
    {{WANTED, CUT}, LULL_CONTENT_START_FOLLOW},
    {{WANTED, .status_stale = TRUE, .status_hushed = TRUE}, LULL_CONTENT_BEGIN_ATTEMPT},
    {{WANTED, CUT, .status_stale = TRUE, .status_hushed = TRUE, .tell_at = 12}, LULL_CONTENT_START_FOLLOW},
    {{WANTED, CUT, .follow = LULL_WORK_RUNNING}, LULL_CONTENT_WAIT},
    {{WANTED, CUT, .follow = LULL_WORK_FAILED}, LULL_CONTENT_FORGET_FAILURE},
    {{HERE, COPIED}, LULL_CONTENT_START_SEAL},
    {{HERE, COPIED, .progress_stale = TRUE}, LULL_CONTENT_START_SEAL},
    {{HERE, COPIED, .progress_stale = TRUE, .seal = LULL_WORK_FAILED}, LULL_CONTENT_WRITE_PROGRESS},
    {{HERE, COPIED, .progress_stale = TRUE, .seal = LULL_WORK_DONE}, LULL_CONTENT_RECORD_SEAL},
    {{WANTED, .stage = LULL_CONTENT_SEALED, .progress_stale = TRUE}, LULL_CONTENT_WRITE_PROGRESS},
    {{WANTED, COPIED, .seal = LULL_WORK_RUNNING}, LULL_CONTENT_WAIT},
    {{WANTED, COPIED, .seal = LULL_WORK_FAILED}, LULL_CONTENT_FORGET_FAILURE},
    {{WANTED, COPIED, .seal = LULL_WORK_DONE}, LULL_CONTENT_RECORD_SEAL},
    /* sealed, as its status says, which is to say that it is not ready any more */
    {{WANTED, .stage = LULL_CONTENT_SEALED, .status_stale = TRUE, .seal_unsaid = TRUE},
     LULL_CONTENT_RECORD_SEAL},
    {{WANTED, .stage = LULL_CONTENT_SEALED, .status_stale = TRUE}, LULL_CONTENT_WRITE_STATUS},
    {{WANTED, CUT, .follow = LULL_WORK_DONE, .copy = LULL_COPY_FAILED}, LULL_CONTENT_RECORD_LOSS},
    {{WANTED, CUT, .follow = LULL_WORK_DONE, .copy = LULL_COPY_ABSENT}, LULL_CONTENT_RECORD_LOSS},
    {{GOING, BEGUN, .ours = TRUE, .attempt = LULL_WORK_RUNNING}, LULL_CONTENT_CANCEL_ATTEMPT},
    {{GOING, CUT, .follow = LULL_WORK_RUNNING}, LULL_CONTENT_CANCEL_FOLLOW},
    {{GOING, CUT, .seal = LULL_WORK_RUNNING}, LULL_CONTENT_CANCEL_SEAL},
    {{GOING, BEGUN, .ours = TRUE, .attempt = LULL_WORK_DONE}, LULL_CONTENT_START_REMOVAL},
    {{GOING, .removal = LULL_WORK_RUNNING}, LULL_CONTENT_WAIT},
    {{GOING, .removal = LULL_WORK_FAILED}, LULL_CONTENT_FORGET_FAILURE},
    {{GOING, .removal = LULL_WORK_DONE}, LULL_CONTENT_REMOVE_FINALIZER},
    {{.exists = TRUE, .deleting = TRUE}, LULL_CONTENT_WAIT},
};

START_TEST(test_does_one_thing_at_a_time)
{
    const LullContentStep step = lull_content_decide(&stories[_i].view);

    ck_assert_msg(step.verb == stories[_i].verb, "%s, expected %s", lull_content_verb_to_string(step.verb),
                  lull_content_verb_to_string(stories[_i].verb));
}
END_TEST

START_TEST(test_looks_again_when_a_retry_is_due)
{
    const LullContentView failed = {WANTED, .stage = LULL_CONTENT_FAILED, .retry_at = 11};

    ck_assert_int_eq(lull_content_decide(&failed).again_at, 11);
}
END_TEST

START_TEST(test_looks_again_when_what_is_copied_still_is_to_be_told)
{
    const LullContentView copied = {WANTED, CUT, .follow = LULL_WORK_RUNNING, .tell_at = 12};
    const LullContentView sealed = {WANTED, COPIED, .seal = LULL_WORK_RUNNING, .tell_at = 12};
    const LullContentView told = {WANTED, CUT, .follow = LULL_WORK_RUNNING, .tell_at = 10};
    const LullContentView cut = {WANTED, CUT, .tell_at = 12}; /* no event needs to come before */

    ck_assert_int_eq(lull_content_decide(&copied).again_at, 12);
    ck_assert_int_eq(lull_content_decide(&sealed).again_at, 12);
    ck_assert_int_eq(lull_content_decide(&told).again_at, 0);
    ck_assert_int_eq(lull_content_decide(&cut).verb, LULL_CONTENT_START_FOLLOW);
    ck_assert_int_eq(lull_content_decide(&cut).again_at, 12);
}
END_TEST

START_TEST(test_looks_again_whether_what_is_stored_is_there_still)
{
    const LullContentView sealed = {WANTED, .stage = LULL_CONTENT_SEALED, .check_at = 11};

    ck_assert_int_eq(lull_content_decide(&sealed).again_at, 11);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("content-decide");
    TCase *tcase = tcase_create("content-decide");

    tcase_add_test(tcase, test_every_view_has_a_verb_that_breaks_no_rule);
    tcase_add_test(tcase, test_every_view_of_a_node_has_a_verb_that_breaks_no_rule);
    tcase_add_loop_test(tcase, test_does_one_thing_at_a_time, 0, G_N_ELEMENTS(stories));
    tcase_add_test(tcase, test_looks_again_when_a_retry_is_due);
    tcase_add_test(tcase, test_looks_again_when_what_is_copied_still_is_to_be_told);
    tcase_add_test(tcase, test_looks_again_whether_what_is_stored_is_there_still);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
