/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-decide.h"
#include "tests/lib/check-main.h"
#include "tests/unit/reconcile/must.h"

static void
check_step(const LullRestoreView *view, const LullRestoreStep *step)
{
    const gboolean ended = view->deleting || view->complete || view->failed;

    MUST(step->reason != NULL);
    if (view->status_stale && view->has_finalizer && !view->owner_missing && view->exists &&
        step->verb != LULL_RESTORE_WRITE_STATUS) /* not for long */
        MUST((view->untold && view->tell_at > view->now &&
              (step->verb == LULL_RESTORE_LOCK || step->verb == LULL_RESTORE_WRITE_PROGRESS)));
    switch (step->verb) {
    case LULL_RESTORE_START_DATA: /* onto a stopped machine that is ours, or none, and nothing else runs */
        MUST(!ended && view->target_stopped && view->snapshot_ready);
        MUST(view->target_exists ? view->locked : view->planned);
        MUST(view->data == LULL_WORK_NONE && view->shut_down != LULL_WORK_RUNNING);
        break;
    case LULL_RESTORE_LOCK:
        MUST(!ended && !view->other_locked && view->snapshot_ready);
        MUST(view->target_exists);
        MUST(view->target_stopped ||
             (view->stops_locked && view->readiness == LULL_READINESS_STOP_TARGET && view->start_target));
        break;
    case LULL_RESTORE_FORGET_DATA:
        MUST(ended && !view->locked);
        MUST(view->data == LULL_WORK_DONE || view->data == LULL_WORK_FAILED || view->leftover);
        break;
    case LULL_RESTORE_UNLOCK: /* never under data at work */
        MUST(ended && view->locked && view->data != LULL_WORK_RUNNING);
        break;
    case LULL_RESTORE_REMOVE_FINALIZER:
        MUST(view->deleting && !view->locked && view->data == LULL_WORK_NONE);
        break;
    case LULL_RESTORE_SHUT_DOWN:
        MUST(!ended && !view->target_stopped && view->readiness == LULL_READINESS_STOP_TARGET);
        MUST(view->snapshot_ready && !view->other_locked); /* else for nothing */
        MUST(view->start_target);                          /* noted before */
        MUST(!view->ends_itself);
        MUST(view->locked || !view->stops_locked); /* nothing is lost by it */
        MUST(!view->copied);
        MUST(view->shut_down == LULL_WORK_NONE ||
             (view->shut_down == LULL_WORK_DONE && view->now > view->asked_at));
        break;
    case LULL_RESTORE_NOTE_START:
        MUST(!ended && !view->target_stopped && view->readiness == LULL_READINESS_STOP_TARGET);
        MUST(view->snapshot_ready && !view->other_locked && !view->start_target && !view->ends_itself);
        break;
    case LULL_RESTORE_START_TARGET: /* what was restored, and once */
        MUST(view->complete && view->start_target && view->start == LULL_WORK_NONE && !view->deleting);
        MUST(view->stops_locked || !view->locked);
        MUST(view->data != LULL_WORK_RUNNING);
        break;
    case LULL_RESTORE_RECORD_START:
        MUST(view->start_target && (view->start == LULL_WORK_DONE || view->start == LULL_WORK_FAILED));
        break;
    case LULL_RESTORE_CANCEL_DATA:
        MUST(ended && view->data == LULL_WORK_RUNNING);
        break;
    case LULL_RESTORE_FORGET_FAILURE:
        MUST(view->data == LULL_WORK_FAILED || view->shut_down == LULL_WORK_FAILED);
        break;
    case LULL_RESTORE_ADD_FINALIZER:
        MUST(!view->deleting && !view->has_finalizer);
        break;
    case LULL_RESTORE_ADD_OWNER:
        MUST(!view->deleting && view->owner_missing);
        break;
    case LULL_RESTORE_WRITE_STATUS:
        MUST(view->status_stale);
        break;
    case LULL_RESTORE_WRITE_PROGRESS:
        MUST(view->progress_stale);
        break;
    case LULL_RESTORE_WAIT:
    case LULL_RESTORE_N:
        break;
    }
}

/* Nothing is copied, and a restore has an owner, where what is locked is neither stopped nor started. */
START_TEST(test_every_view_has_a_verb_that_breaks_no_rule)
{
    const gboolean stops_locked = _i == 0;

    for (guint bits = 0; bits < 1u << 16; bits++)
        for (int readiness = 0; readiness <= LULL_READINESS_FAIL_IMMEDIATE; readiness++)
            for (int work = 0; work < 64; work++) {
                const LullRestoreView view = {
                    .now = 10,
                    .grace_end = 20,
                    .exists = (bits & 1) != 0,
                    .deleting = (bits & 2) != 0,
                    .has_finalizer = (bits & 4) != 0,
                    .complete = (bits & 8) != 0,
                    .failed = (bits & 16) != 0,
                    .target_exists = (bits & 8192) == 0,
                    .target_stopped = (bits & 32) != 0,
                    .snapshot_ready = (bits & 64) != 0,
                    .planned = (bits & 16384) != 0,
                    .locked = (bits & 128) != 0,
                    .other_locked = (bits & 256) != 0,
                    .status_stale = (bits & 512) != 0,
                    .progress_stale = (bits & 1024) != 0,
                    .untold = (bits & 512) != 0,
                    .tell_at = work & 1 ? 0 : 20,
                    .stops_locked = stops_locked,
                    .copied = stops_locked && (bits & 32768) != 0,
                    .ends_itself = !stops_locked && (bits & 32768) != 0,
                    .owner_missing = !stops_locked && (work & 48) == 48,
                    .leftover = (work & 12) == 12 ? "a claim" : NULL,
                    .readiness = (LullReadiness)readiness,
                    .start_target = (bits & 2048) != 0,
                    .asked_at = bits & 4096 ? 9 : 10 - 20 * G_USEC_PER_SEC,
                    .data = (LullWork)(work & 3),
                    .shut_down = (LullWork)(work >> 2 & 3),
                    .start = (LullWork)(work >> 4 & 3),
                };
                const LullRestoreStep step = lull_restore_decide(&view);

                if (view.data == LULL_WORK_DONE && !view.complete) /* the view never says so */
                    continue;
                if (!view.target_exists && (!view.target_stopped || view.locked || view.other_locked))
                    continue; /* nor so */
                check_step(&view, &step);
            }
}
END_TEST

#define THERE   .exists = TRUE, .has_finalizer = TRUE, .now = 10, .grace_end = 20, .target_exists = TRUE
#define HERE    THERE, .stops_locked = TRUE
#define RUNS    HERE, .snapshot_ready = TRUE
#define STOPPED HERE, .target_stopped = TRUE
#define READY   STOPPED, .snapshot_ready = TRUE
#define OURS    READY, .locked = TRUE
#define GONE                                                                                   \
    .exists = TRUE, .has_finalizer = TRUE, .now = 30, .grace_end = 20, .target_stopped = TRUE, \
    .planned = TRUE, .stops_locked = TRUE
#define NOW_GONE GONE, .snapshot_ready = TRUE
#define MAY_STOP RUNS, .readiness = LULL_READINESS_STOP_TARGET, .start_target = TRUE
#define STOPS    MAY_STOP, .locked = TRUE
/* Where nobody may stop or start what is locked. */
#define MAY_STOP_THERE THERE, .snapshot_ready = TRUE, .readiness = LULL_READINESS_STOP_TARGET
#define DONE_THERE     THERE, .target_stopped = TRUE, .complete = TRUE, .start_target = TRUE

static const struct {
    LullRestoreView view;
    LullRestoreVerb verb;
    gint64 again_at;
} stories[] = {
    {{.exists = TRUE}, LULL_RESTORE_ADD_FINALIZER, 0},
    {{HERE, .status_stale = TRUE}, LULL_RESTORE_WRITE_STATUS, 0},
    {{HERE}, LULL_RESTORE_WAIT, 20},
    {{HERE, .readiness = LULL_READINESS_WAIT_EVENTUALLY}, LULL_RESTORE_WAIT, 0},
    {{HERE, .readiness = LULL_READINESS_STOP_TARGET}, LULL_RESTORE_WAIT, 0},
    {{RUNS}, LULL_RESTORE_WAIT, 20},
    {{RUNS, .readiness = LULL_READINESS_WAIT_EVENTUALLY}, LULL_RESTORE_WAIT, 0},
    {{RUNS, .readiness = LULL_READINESS_STOP_TARGET}, LULL_RESTORE_NOTE_START, 0},
    {{RUNS, .readiness = LULL_READINESS_STOP_TARGET, .other_locked = TRUE}, LULL_RESTORE_WAIT, 0},
    {{MAY_STOP}, LULL_RESTORE_LOCK, 0},
    {{MAY_STOP, .copied = TRUE}, LULL_RESTORE_LOCK, 0}, /* no other begins then */
    {{STOPS, .copied = TRUE}, LULL_RESTORE_WAIT, 10 + 2 * G_USEC_PER_SEC},
    {{STOPS}, LULL_RESTORE_SHUT_DOWN, 0},
    {{STOPS, .shut_down = LULL_WORK_RUNNING}, LULL_RESTORE_WAIT, 0},
    {{STOPS, .shut_down = LULL_WORK_FAILED}, LULL_RESTORE_FORGET_FAILURE, 0},
    {{STOPS, .shut_down = LULL_WORK_DONE, .asked_at = 9}, LULL_RESTORE_WAIT, 9 + 10 * G_USEC_PER_SEC},
    {{STOPS, .shut_down = LULL_WORK_DONE, .asked_at = -10 * G_USEC_PER_SEC}, LULL_RESTORE_SHUT_DOWN, 0},
    {{STOPPED}, LULL_RESTORE_WAIT, 0},
    {{READY}, LULL_RESTORE_LOCK, 0},
    {{READY, .other_locked = TRUE}, LULL_RESTORE_WAIT, 0},
    {{OURS}, LULL_RESTORE_START_DATA, 0},
    /* it is off before whoever asks it has his answer, and is asked once more */
    {{READY, .shut_down = LULL_WORK_RUNNING}, LULL_RESTORE_WAIT, 0},
    {{OURS, .shut_down = LULL_WORK_RUNNING}, LULL_RESTORE_WAIT, 0},
    {{OURS, .data = LULL_WORK_RUNNING}, LULL_RESTORE_WAIT, 0},
    {{OURS, .data = LULL_WORK_FAILED}, LULL_RESTORE_FORGET_FAILURE, 0},
    {{OURS, .data = LULL_WORK_DONE, .complete = TRUE}, LULL_RESTORE_UNLOCK, 0},
    {{READY, .complete = TRUE}, LULL_RESTORE_WAIT, 0},
    {{OURS, .complete = TRUE, .start_target = TRUE}, LULL_RESTORE_START_TARGET, 0},
    {{OURS, .complete = TRUE, .start_target = TRUE, .start = LULL_WORK_RUNNING}, LULL_RESTORE_WAIT, 0},
    {{OURS, .complete = TRUE, .start_target = TRUE, .start = LULL_WORK_DONE}, LULL_RESTORE_RECORD_START, 0},
    {{OURS, .complete = TRUE, .start_target = TRUE, .start = LULL_WORK_FAILED}, LULL_RESTORE_RECORD_START, 0},
    {{OURS, .failed = TRUE, .start_target = TRUE}, LULL_RESTORE_UNLOCK, 0}, /* half of it may be in place */
    {{OURS, .failed = TRUE}, LULL_RESTORE_UNLOCK, 0},
    /* another's life may have begun since */
    {{OURS, .failed = TRUE, .leftover = "a claim"}, LULL_RESTORE_UNLOCK, 0},
    {{READY, .failed = TRUE, .leftover = "a claim"}, LULL_RESTORE_FORGET_DATA, 0},
    {{READY, .deleting = TRUE, .leftover = "a claim"}, LULL_RESTORE_REMOVE_FINALIZER, 0},
    {{OURS, .deleting = TRUE, .data = LULL_WORK_RUNNING}, LULL_RESTORE_CANCEL_DATA, 0},
    {{OURS, .deleting = TRUE, .data = LULL_WORK_FAILED}, LULL_RESTORE_UNLOCK, 0},
    {{READY, .deleting = TRUE}, LULL_RESTORE_REMOVE_FINALIZER, 0},
    /* no waiting for a target that is not there, and no lock */
    {{GONE}, LULL_RESTORE_WAIT, 0},
    {{NOW_GONE}, LULL_RESTORE_START_DATA, 0},
    {{NOW_GONE, .readiness = LULL_READINESS_WAIT_EVENTUALLY}, LULL_RESTORE_START_DATA, 0},
    {{NOW_GONE, .readiness = LULL_READINESS_STOP_TARGET}, LULL_RESTORE_START_DATA, 0},
    {{NOW_GONE, .readiness = LULL_READINESS_FAIL_IMMEDIATE}, LULL_RESTORE_START_DATA, 0},
    {{NOW_GONE, .status_stale = TRUE}, LULL_RESTORE_WRITE_STATUS, 0},
    {{NOW_GONE, .data = LULL_WORK_RUNNING}, LULL_RESTORE_WAIT, 0},
    {{NOW_GONE, .data = LULL_WORK_FAILED}, LULL_RESTORE_FORGET_FAILURE, 0},
    {{NOW_GONE, .data = LULL_WORK_DONE, .complete = TRUE}, LULL_RESTORE_FORGET_DATA, 0},
    {{NOW_GONE, .data = LULL_WORK_FAILED, .failed = TRUE}, LULL_RESTORE_FORGET_DATA, 0},
    {{NOW_GONE, .complete = TRUE}, LULL_RESTORE_WAIT, 0},
    {{NOW_GONE, .complete = TRUE, .start_target = TRUE},
     LULL_RESTORE_START_TARGET,
     0}, /* gone once it was off */
    {{NOW_GONE, .deleting = TRUE, .data = LULL_WORK_RUNNING}, LULL_RESTORE_CANCEL_DATA, 0},
    {{NOW_GONE, .deleting = TRUE, .data = LULL_WORK_FAILED}, LULL_RESTORE_FORGET_DATA, 0},
    {{NOW_GONE, .deleting = TRUE}, LULL_RESTORE_REMOVE_FINALIZER, 0},
    {{READY, .planned = TRUE}, LULL_RESTORE_LOCK, 0}, /* defined, and not done yet */
    {{MAY_STOP_THERE, .ends_itself = TRUE}, LULL_RESTORE_WAIT, 0},
    {{MAY_STOP_THERE}, LULL_RESTORE_NOTE_START, 0},
    {{MAY_STOP_THERE, .start_target = TRUE}, LULL_RESTORE_SHUT_DOWN, 0},
    {{MAY_STOP_THERE, .start_target = TRUE, .ends_itself = TRUE}, LULL_RESTORE_WAIT, 0}, /* it was asked */
    {{DONE_THERE, .locked = TRUE}, LULL_RESTORE_UNLOCK, 0},
    {{DONE_THERE}, LULL_RESTORE_START_TARGET, 0},
    {{DONE_THERE, .start = LULL_WORK_DONE}, LULL_RESTORE_RECORD_START, 0},
    {{THERE, .owner_missing = TRUE, .status_stale = TRUE}, LULL_RESTORE_ADD_OWNER, 0},
};

START_TEST(test_does_one_thing_at_a_time)
{
    const LullRestoreStep step = lull_restore_decide(&stories[_i].view);

    ck_assert_msg(step.verb == stories[_i].verb, "%s, expected %s", lull_restore_verb_to_string(step.verb),
                  lull_restore_verb_to_string(stories[_i].verb));
    ck_assert_int_eq(step.again_at, stories[_i].again_at);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-decide");
    TCase *tcase = tcase_create("restore-decide");

    tcase_add_loop_test(tcase, test_every_view_has_a_verb_that_breaks_no_rule, 0, 2);
    tcase_add_loop_test(tcase, test_does_one_thing_at_a_time, 0, G_N_ELEMENTS(stories));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
