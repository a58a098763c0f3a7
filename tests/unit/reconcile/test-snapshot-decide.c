/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/snapshot-decide.h"
#include "tests/lib/check-main.h"
#include "tests/unit/reconcile/must.h"

static const gint64 deadlines[] = {20, 10, 9, 0}; /* to come, just now, past, none */

static LullSnapshotView
view_of(guint bits, gint64 deadline)
{
    return (LullSnapshotView){
        .now = 10,
        .deadline = deadline,
        .exists = (bits & 1u << 0) != 0,
        .deleting = (bits & 1u << 1) != 0,
        .has_finalizer = (bits & 1u << 2) != 0,
        .retain = (bits & 1u << 3) != 0,
        .succeeded = (bits & 1u << 4) != 0,
        .failed = (bits & 1u << 5) != 0,
        .source_exists = (bits & 1u << 6) != 0,
        .locked = (bits & 1u << 7) != 0,
        .other_locked = (bits & 1u << 8) != 0,
        .content_exists = (bits & 1u << 9) != 0,
        .content_deleting = (bits & 1u << 10) != 0,
        .content_ready = (bits & 1u << 11) != 0,
        .status_stale = (bits & 1u << 12) != 0,
        .report_stale = (bits & 1u << 13) != 0,
        .progress_stale = (bits & 1u << 14) != 0,
        .restoring = (bits & 1u << 15) != 0,
    };
}

/* Nothing of it has begun to go. */
static gboolean
waits_for_restore(const LullSnapshotView *view)
{
    return view->exists && view->deleting && view->has_finalizer && view->restoring && view->succeeded &&
           view->content_ready && !view->content_deleting;
}

START_TEST(test_every_view_has_a_verb_that_breaks_no_rule)
{
    for (guint each = 0; each < G_N_ELEMENTS(deadlines) << 16; each++) {
        const LullSnapshotView view = view_of(each & 0xffff, deadlines[each >> 16]);
        const LullSnapshotStep step = lull_snapshot_decide(&view);
        const gboolean final = view.succeeded || view.failed;
        const gboolean ended = view.deleting || final;
        const gboolean ours = view.exists && (view.has_finalizer || !view.deleting);

        MUST(step.reason != NULL);
        switch (step.verb) {
        case LULL_SNAPSHOT_LOCK:
            MUST(!ended && view.source_exists && !view.locked && !view.other_locked && view.has_finalizer);
            break;
        case LULL_SNAPSHOT_CREATE_CONTENT:
            MUST(!ended && view.locked && !view.content_exists);
            break;
        case LULL_SNAPSHOT_DELETE_CONTENT:
            MUST(view.content_exists && (view.deleting || view.failed));
            MUST(!waits_for_restore(&view));
            MUST(!(view.retain && view.content_ready));
            break;
        case LULL_SNAPSHOT_UNLOCK:
            MUST(view.locked && ended);
            /* nothing may work on the source any more */
            MUST(view.succeeded || !view.content_exists || (view.retain && view.content_ready));
            break;
        case LULL_SNAPSHOT_REMOVE_FINALIZER:
            MUST(view.deleting && !view.locked && !waits_for_restore(&view));
            break;
        case LULL_SNAPSHOT_ADD_FINALIZER:
            MUST(!view.deleting && !view.has_finalizer);
            break;
        case LULL_SNAPSHOT_WRITE_PROGRESS:
            MUST(view.progress_stale);
            break;
        case LULL_SNAPSHOT_WAIT:
            if (waits_for_restore(&view)) {
                MUST(step.again_at > view.now);
                break;
            }
            /* never a wait for ever where a deadline runs */
            MUST(!ours || final || step.again_at == view.deadline);
            /* nor a look at the clock where none does */
            MUST(!step.again_at || !final);
            break;
        case LULL_SNAPSHOT_WRITE_REPORT:
        case LULL_SNAPSHOT_WRITE_STATUS:
            MUST(view.exists);
            break;
        case LULL_SNAPSHOT_N:
            ck_abort();
        }
    }
}
END_TEST

/* What waits to be told until 15 of the clock. */
START_TEST(test_a_status_waits_only_while_it_changes_again_and_never_for_ever)
{
    for (guint bits = 0; bits <= 0xffff; bits++) {
        LullSnapshotView view = view_of(bits | 1u << 12, 20);
        LullSnapshotStep step, later;

        view.tell_at = 15;
        step = lull_snapshot_decide(&view);
        view.now = view.tell_at;
        later = lull_snapshot_decide(&view);
        view.tell_at = 0;
        MUST(lull_snapshot_decide(&view).verb == later.verb);
        if (step.verb == later.verb || later.verb != LULL_SNAPSHOT_WRITE_STATUS)
            continue;
        MUST(!view.deleting && !view.failed);
        if (!view.succeeded)
            MUST(step.verb == LULL_SNAPSHOT_LOCK || step.verb == LULL_SNAPSHOT_CREATE_CONTENT ||
                 step.verb == LULL_SNAPSHOT_WRITE_PROGRESS);
        else if (step.verb == LULL_SNAPSHOT_WAIT)
            MUST(!view.content_ready && step.again_at == 15);
    }
}
END_TEST

#define HERE .exists = TRUE, .has_finalizer = TRUE, .deadline = 20
#define VM   .source_exists = TRUE
#define SOON .status_stale = TRUE, .tell_at = 15

static const struct {
    LullSnapshotView view;
    LullSnapshotVerb verb;
} stories[] = {
    {{.exists = TRUE, .status_stale = TRUE}, LULL_SNAPSHOT_ADD_FINALIZER},
    {{HERE, .status_stale = TRUE}, LULL_SNAPSHOT_WRITE_STATUS},
    {{HERE}, LULL_SNAPSHOT_WAIT},
    {{HERE, VM}, LULL_SNAPSHOT_LOCK},
    {{HERE, VM, .other_locked = TRUE}, LULL_SNAPSHOT_WAIT},
    {{HERE, VM, .locked = TRUE}, LULL_SNAPSHOT_CREATE_CONTENT},
    {{HERE, VM, .locked = TRUE, .content_exists = TRUE}, LULL_SNAPSHOT_WAIT},
    {{HERE, VM, .content_exists = TRUE}, LULL_SNAPSHOT_LOCK},
    {{HERE, VM, .locked = TRUE, .content_exists = TRUE, .succeeded = TRUE}, LULL_SNAPSHOT_UNLOCK},
    {{HERE, VM, .content_exists = TRUE, .succeeded = TRUE}, LULL_SNAPSHOT_WAIT},
    {{HERE, VM, .locked = TRUE, .content_exists = TRUE, .failed = TRUE}, LULL_SNAPSHOT_DELETE_CONTENT},
    {{HERE, VM, .locked = TRUE, .content_exists = TRUE, .content_deleting = TRUE, .failed = TRUE},
     LULL_SNAPSHOT_WAIT},
    {{HERE, VM, .locked = TRUE, .failed = TRUE}, LULL_SNAPSHOT_UNLOCK},
    {{HERE, VM, .failed = TRUE}, LULL_SNAPSHOT_WAIT},
    {{HERE, VM, .locked = TRUE, .content_exists = TRUE, .deleting = TRUE}, LULL_SNAPSHOT_DELETE_CONTENT},
    {{HERE, VM, .locked = TRUE, .deleting = TRUE}, LULL_SNAPSHOT_UNLOCK},
    {{HERE, VM, .deleting = TRUE}, LULL_SNAPSHOT_REMOVE_FINALIZER},
    {{HERE, .deleting = TRUE}, LULL_SNAPSHOT_REMOVE_FINALIZER},
    {{HERE, VM, .deleting = TRUE, .succeeded = TRUE, .content_exists = TRUE}, LULL_SNAPSHOT_DELETE_CONTENT},
    {{HERE, VM, .deleting = TRUE, .succeeded = TRUE, .content_exists = TRUE, .content_deleting = TRUE},
     LULL_SNAPSHOT_REMOVE_FINALIZER},
    {{HERE, VM, .deleting = TRUE, .succeeded = TRUE, .content_exists = TRUE, .content_ready = TRUE,
      .retain = TRUE},
     LULL_SNAPSHOT_REMOVE_FINALIZER},
    {{HERE, VM, .deleting = TRUE, .succeeded = TRUE, .content_exists = TRUE, .retain = TRUE},
     LULL_SNAPSHOT_DELETE_CONTENT},
    /* what is told is told once where it goes fast, */
    {{HERE, VM, SOON}, LULL_SNAPSHOT_LOCK},
    {{HERE, VM, SOON, .locked = TRUE}, LULL_SNAPSHOT_CREATE_CONTENT},
    {{HERE, VM, SOON, .locked = TRUE, .content_exists = TRUE}, LULL_SNAPSHOT_WRITE_STATUS},
    {{HERE, VM, SOON, .locked = TRUE, .content_exists = TRUE, .succeeded = TRUE}, LULL_SNAPSHOT_WAIT},
    {{HERE, VM, .tell_at = 15, .locked = TRUE, .content_exists = TRUE, .succeeded = TRUE},
     LULL_SNAPSHOT_UNLOCK},
    {{HERE, VM, SOON, .content_exists = TRUE, .succeeded = TRUE}, LULL_SNAPSHOT_WAIT},
    {{HERE, VM, SOON, .content_exists = TRUE, .content_ready = TRUE, .succeeded = TRUE},
     LULL_SNAPSHOT_WRITE_STATUS},
    /* and at once where it does not */
    {{HERE, SOON}, LULL_SNAPSHOT_WRITE_STATUS},
    {{HERE, VM, SOON, .other_locked = TRUE}, LULL_SNAPSHOT_WRITE_STATUS},
    {{HERE, VM, SOON, .blocked = TRUE}, LULL_SNAPSHOT_WRITE_STATUS},
    {{HERE, VM, SOON, .failed = TRUE}, LULL_SNAPSHOT_WRITE_STATUS},
    {{HERE, VM, SOON, .now = 15}, LULL_SNAPSHOT_WRITE_STATUS},
    {{HERE, VM, SOON, .now = 15, .content_exists = TRUE, .succeeded = TRUE}, LULL_SNAPSHOT_WRITE_STATUS},
};

START_TEST(test_does_one_thing_at_a_time)
{
    const LullSnapshotStep step = lull_snapshot_decide(&stories[_i].view);

    ck_assert_msg(step.verb == stories[_i].verb, "%s, expected %s", lull_snapshot_verb_to_string(step.verb),
                  lull_snapshot_verb_to_string(stories[_i].verb));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("snapshot-decide");
    TCase *tcase = tcase_create("snapshot-decide");

    tcase_add_test(tcase, test_every_view_has_a_verb_that_breaks_no_rule);
    tcase_add_test(tcase, test_a_status_waits_only_while_it_changes_again_and_never_for_ever);
    tcase_add_loop_test(tcase, test_does_one_thing_at_a_time, 0, G_N_ELEMENTS(stories));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
