/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/machine.h"
#include "protocol/clock.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"

#define DEADLINE LULL_SEC(100)
#define LEASE    LULL_SEC(8)

typedef void (*Visit)(const LullMachine *state, const LullEvent *event, gint64 now,
                      const LullTransition *out);

/* Every phase with every event and everything about them that can matter. */
static void
visit_all(Visit visit)
{
    for (guint bits = 0; bits < 1 << 8; bits++)
        for (int phase = 0; phase < LULL_PHASE_N; phase++)
            for (int kind = 0; kind < LULL_EVENT_N; kind++) {
                const LullMachine state = {
                    .phase = (LullPhase)phase,
                    .standard = (bits & 1) != 0,
                    .lease = LEASE,
                    .deadline = phase == LULL_PHASE_IDLE ? 0 : DEADLINE,
                    .was_frozen = phase == LULL_PHASE_FROZEN || (phase == LULL_PHASE_THAWING && (bits & 2)),
                    .reason = phase == LULL_PHASE_THAWING && (bits & 4) ? "earlier" : NULL,
                };
                const LullEvent event = {
                    .kind = (LullEventKind)kind,
                    .is_owner = (bits & 8) != 0,
                    .other_epoch = (bits & 16) != 0,
                    .duration = LEASE,
                    .n_frozen = bits & 32 ? 2 : 0,
                    .broken = bits & 64 ? "it broke" : NULL,
                };
                const gint64 now = bits & 128 ? DEADLINE : DEADLINE - 1;
                const LullTransition out = lull_machine_step(state, event, now);

                visit(&state, &event, now, &out);
            }
}

static gboolean
is_request(LullEventKind kind)
{
    return kind >= LULL_EVENT_PREPARE && kind <= LULL_EVENT_STOP;
}

static gboolean
is_same(const LullMachine *a, const LullMachine *b)
{
    return a->phase == b->phase && a->deadline == b->deadline && a->lease == b->lease &&
           a->standard == b->standard && a->reason == b->reason && a->was_frozen == b->was_frozen;
}

static void
check_release_comes_first(const LullMachine *state, const LullEvent *event, gint64 now,
                          const LullTransition *out)
{
    const gboolean overdue = event->kind == LULL_EVENT_TICK && now >= state->deadline;
    const gboolean lost = event->kind == LULL_EVENT_LOST || event->kind == LULL_EVENT_THAWED ||
                          event->kind == LULL_EVENT_FREEZE_FAILED;
    const gboolean let_go =
        event->kind == LULL_EVENT_STOP || event->kind == LULL_EVENT_STANDARD_THAW ||
        (event->is_owner && (event->kind == LULL_EVENT_THAW || event->kind == LULL_EVENT_ABORT));

    if (state->phase != LULL_PHASE_FREEZING && state->phase != LULL_PHASE_FROZEN)
        return;
    if (lost)
        ck_assert_int_eq(out->next.phase, LULL_PHASE_IDLE);
    if (overdue || let_go) {
        ck_assert_int_eq(out->next.phase, LULL_PHASE_THAWING);
        ck_assert_uint_ne(out->actions & LULL_DO_THAW, 0);
    }
}

START_TEST(test_whatever_lets_go_of_a_frozen_guest_leads_out_of_frozen)
{
    visit_all(check_release_comes_first);
}
END_TEST

static void
check_one_end(const LullMachine *state, const LullEvent *event, gint64 now, const LullTransition *out)
{
    const gboolean ended = state->phase != LULL_PHASE_IDLE && out->next.phase == LULL_PHASE_IDLE;
    const gboolean started = state->phase == LULL_PHASE_IDLE && out->next.phase != LULL_PHASE_IDLE;

    (void)event;
    (void)now;
    ck_assert_int_eq(ended, (out->actions & LULL_DO_END) != 0);
    ck_assert_int_eq(started, (out->actions & LULL_DO_START) != 0);
    if (ended) /* whoever waits must hear of it */
        ck_assert_uint_ne(out->actions & LULL_DO_ANSWER, 0);
}

START_TEST(test_a_start_is_followed_by_exactly_one_end)
{
    visit_all(check_one_end);
}
END_TEST

static void
check_no_second_freeze(const LullMachine *state, const LullEvent *event, gint64 now,
                       const LullTransition *out)
{
    (void)now;
    if (state->phase == LULL_PHASE_IDLE ||
        (event->kind != LULL_EVENT_FREEZE && event->kind != LULL_EVENT_STANDARD_FREEZE &&
         event->kind != LULL_EVENT_PREPARE))
        return;
    if (state->phase == LULL_PHASE_PREPARED && event->kind == LULL_EVENT_FREEZE && event->is_owner) {
        ck_assert_int_eq(out->next.phase, LULL_PHASE_FREEZING);
        return;
    }
    ck_assert(is_same(state, &out->next));
    ck_assert_uint_eq(out->actions, 0);
}

START_TEST(test_a_second_freeze_or_prepare_changes_nothing)
{
    visit_all(check_no_second_freeze);
}
END_TEST

static void
check_lease(const LullMachine *state, const LullEvent *event, gint64 now, const LullTransition *out)
{
    const gboolean renewal = event->kind == LULL_EVENT_RENEW && event->is_owner && !event->other_epoch;

    if (state->phase != LULL_PHASE_FROZEN || out->next.phase != LULL_PHASE_FROZEN)
        return;
    ck_assert_int_eq(renewal, (out->actions & LULL_DO_RENEW) != 0);
    if (renewal)
        ck_assert_int_ge(out->next.deadline, now + LEASE);
    else
        ck_assert_int_eq(out->next.deadline, state->deadline);
}

START_TEST(test_only_the_owner_with_the_right_epoch_extends_the_lease)
{
    visit_all(check_lease);
}
END_TEST

static void
check_deadline(const LullMachine *state, const LullEvent *event, gint64 now, const LullTransition *out)
{
    (void)state;
    (void)event;
    (void)now;
    ck_assert_int_eq(out->next.deadline > 0, out->next.phase != LULL_PHASE_IDLE);
}

START_TEST(test_every_phase_but_idle_has_a_deadline)
{
    visit_all(check_deadline);
}
END_TEST

static void
check_overdue(const LullMachine *state, const LullEvent *event, gint64 now, const LullTransition *out)
{
    if (event->kind != LULL_EVENT_TICK)
        return;
    if (now < state->deadline || state->phase == LULL_PHASE_IDLE) {
        ck_assert(is_same(state, &out->next));
        ck_assert_uint_eq(out->actions, 0);
    } else {
        ck_assert_uint_ne(out->actions & LULL_DO_THAW, 0);
    }
}

START_TEST(test_time_acts_at_the_deadline_and_not_before)
{
    visit_all(check_overdue);
}
END_TEST

static void
check_proof(const LullMachine *state, const LullEvent *event, gint64 now, const LullTransition *out)
{
    (void)now;
    if ((out->actions & LULL_DO_END) == 0)
        return;
    if (out->next.proof == LULL_PROOF_HELD) {
        ck_assert_int_eq(state->phase, LULL_PHASE_THAWING);
        ck_assert_int_ne(event->kind, LULL_EVENT_LOST);
        ck_assert(state->was_frozen && !state->reason && !event->broken);
    }
    ck_assert_int_eq(out->next.proof == LULL_PROOF_NONE, !state->was_frozen);
    if (out->next.proof == LULL_PROOF_BROKEN)
        ck_assert_ptr_nonnull(out->next.reason);
}

START_TEST(test_held_is_said_only_of_a_freeze_that_its_thaw_found_unbroken)
{
    visit_all(check_proof);
}
END_TEST

static void
check_answers(const LullMachine *state, const LullEvent *event, gint64 now, const LullTransition *out)
{
    (void)state;
    (void)now;
    ck_assert_int_eq(is_request(event->kind), out->answer != LULL_ANSWER_NONE);
    if (out->answer == LULL_ANSWER_LATER)
        ck_assert_int_ne(out->next.phase, LULL_PHASE_IDLE);
    if (out->answer == LULL_ANSWER_OTHER || out->answer == LULL_ANSWER_NOT_YET) {
        ck_assert(is_same(state, &out->next));
        ck_assert_uint_eq(out->actions, 0);
    }
}

START_TEST(test_every_request_is_answered_and_a_refusal_changes_nothing)
{
    visit_all(check_answers);
}
END_TEST

static void
check_strangers(const LullMachine *state, const LullEvent *event, gint64 now, const LullTransition *out)
{
    (void)now;
    if (event->is_owner || state->phase == LULL_PHASE_IDLE)
        return;
    if (event->kind == LULL_EVENT_THAW || event->kind == LULL_EVENT_ABORT ||
        event->kind == LULL_EVENT_RENEW) {
        ck_assert(is_same(state, &out->next));
        ck_assert_uint_eq(out->actions, 0);
    }
}

START_TEST(test_nobody_thaws_aborts_or_renews_what_is_not_his)
{
    visit_all(check_strangers);
}
END_TEST

/* ------- stories */

typedef struct {
    LullEvent event;
    LullPhase phase; /* after it */
    guint actions;
} Beat;

static LullMachine
play(const Beat *beats, gsize n)
{
    LullMachine state = {LULL_PHASE_IDLE};

    for (gsize i = 0; i < n; i++) {
        const LullTransition out = lull_machine_step(state, beats[i].event, LULL_SEC(1) + (gint64)i);

        ck_assert_msg(out.next.phase == beats[i].phase, "beat %zu: %s", i,
                      lull_phase_to_string(out.next.phase));
        ck_assert_msg(out.actions == beats[i].actions, "beat %zu: actions %#x", i, out.actions);
        state = out.next;
    }
    return state;
}

#define OWNED(kind_)                                                    \
    {                                                                   \
        .kind = LULL_EVENT_##kind_, .is_owner = TRUE, .duration = LEASE \
    }

START_TEST(test_the_vendors_freeze_and_thaw_hold)
{
    const Beat beats[] = {
        {OWNED(PREPARE), LULL_PHASE_PREPARING, LULL_DO_START},
        {{.kind = LULL_EVENT_PREPARED}, LULL_PHASE_PREPARED, 0},
        {OWNED(FREEZE), LULL_PHASE_FREEZING, LULL_DO_FREEZE},
        {{.kind = LULL_EVENT_FROZEN, .n_frozen = 2}, LULL_PHASE_FROZEN, LULL_DO_ANSWER},
        {OWNED(RENEW), LULL_PHASE_FROZEN, LULL_DO_RENEW},
        {OWNED(THAW), LULL_PHASE_THAWING, LULL_DO_THAW},
        {{.kind = LULL_EVENT_THAWED}, LULL_PHASE_IDLE, LULL_DO_END | LULL_DO_ANSWER},
    };

    ck_assert_int_eq(play(beats, G_N_ELEMENTS(beats)).proof, LULL_PROOF_HELD);
}
END_TEST

START_TEST(test_the_standard_freeze_prepares_and_freezes_in_one_go)
{
    const Beat beats[] = {
        {{.kind = LULL_EVENT_STANDARD_FREEZE, .duration = LEASE}, LULL_PHASE_PREPARING, LULL_DO_START},
        {{.kind = LULL_EVENT_PREPARED}, LULL_PHASE_FREEZING, LULL_DO_FREEZE},
        {{.kind = LULL_EVENT_FROZEN, .n_frozen = 1}, LULL_PHASE_FROZEN, LULL_DO_ANSWER},
        {{.kind = LULL_EVENT_STANDARD_THAW}, LULL_PHASE_THAWING, LULL_DO_THAW},
        {{.kind = LULL_EVENT_THAWED}, LULL_PHASE_IDLE, LULL_DO_END | LULL_DO_ANSWER},
    };

    ck_assert_int_eq(play(beats, G_N_ELEMENTS(beats)).proof, LULL_PROOF_HELD);
}
END_TEST

START_TEST(test_a_standard_freeze_ends_in_its_callers_time_however_long_its_lease)
{
    const LullMachine preparing = {
        .phase = LULL_PHASE_PREPARING, .standard = TRUE, .lease = LULL_SEC(300), .deadline = DEADLINE};
    const LullTransition out = lull_machine_step(preparing, (LullEvent){.kind = LULL_EVENT_PREPARED}, 0);

    ck_assert_int_eq(out.next.lease, LULL_SEC(300));
    ck_assert_int_eq(out.next.deadline, LULL_MSEC(LULL_STANDARD_FREEZE_MS + LULL_AGENT_GRACE_MS));
    ck_assert_int_eq(lull_machine_freeze_limit(TRUE, LEASE), LEASE / 2);
    ck_assert_int_eq(lull_machine_freeze_limit(FALSE, LULL_SEC(30)), LULL_SEC(15));
}
END_TEST

START_TEST(test_a_standard_thaw_breaks_the_vendors_epoch)
{
    const Beat beats[] = {
        {OWNED(PREPARE), LULL_PHASE_PREPARING, LULL_DO_START},
        {{.kind = LULL_EVENT_PREPARED}, LULL_PHASE_PREPARED, 0},
        {OWNED(FREEZE), LULL_PHASE_FREEZING, LULL_DO_FREEZE},
        {{.kind = LULL_EVENT_FROZEN, .n_frozen = 2}, LULL_PHASE_FROZEN, LULL_DO_ANSWER},
        {{.kind = LULL_EVENT_STANDARD_THAW}, LULL_PHASE_THAWING, LULL_DO_THAW},
        {{.kind = LULL_EVENT_THAWED}, LULL_PHASE_IDLE, LULL_DO_END | LULL_DO_ANSWER},
    };
    const LullMachine end = play(beats, G_N_ELEMENTS(beats));

    ck_assert_int_eq(end.proof, LULL_PROOF_BROKEN);
    ck_assert_str_eq(end.reason, LULL_BROKEN_FOREIGN_THAW);
}
END_TEST

START_TEST(test_a_standard_thaw_leaves_a_mere_preparation_alone)
{
    const Beat beats[] = {
        {OWNED(PREPARE), LULL_PHASE_PREPARING, LULL_DO_START},
        {{.kind = LULL_EVENT_STANDARD_THAW}, LULL_PHASE_PREPARING, 0},
        {{.kind = LULL_EVENT_PREPARED}, LULL_PHASE_PREPARED, 0},
        {{.kind = LULL_EVENT_STANDARD_THAW}, LULL_PHASE_PREPARED, 0},
    };

    (void)play(beats, G_N_ELEMENTS(beats));
}
END_TEST

START_TEST(test_a_freeze_that_comes_through_after_it_was_given_up_is_broken)
{
    const Beat beats[] = {
        {OWNED(PREPARE), LULL_PHASE_PREPARING, LULL_DO_START},
        {{.kind = LULL_EVENT_PREPARED}, LULL_PHASE_PREPARED, 0},
        {OWNED(FREEZE), LULL_PHASE_FREEZING, LULL_DO_FREEZE},
        {OWNED(ABORT), LULL_PHASE_THAWING, LULL_DO_THAW | LULL_DO_ANSWER},
        {{.kind = LULL_EVENT_FROZEN, .n_frozen = 2}, LULL_PHASE_THAWING, 0},
        {{.kind = LULL_EVENT_THAWED}, LULL_PHASE_IDLE, LULL_DO_END | LULL_DO_ANSWER},
    };

    ck_assert_int_eq(play(beats, G_N_ELEMENTS(beats)).proof, LULL_PROOF_BROKEN);
}
END_TEST

START_TEST(test_a_freeze_of_nothing_ends_the_operation_without_a_fault)
{
    const Beat beats[] = {
        {OWNED(PREPARE), LULL_PHASE_PREPARING, LULL_DO_START},
        {{.kind = LULL_EVENT_PREPARED}, LULL_PHASE_PREPARED, 0},
        {OWNED(FREEZE), LULL_PHASE_FREEZING, LULL_DO_FREEZE},
        {{.kind = LULL_EVENT_FROZEN, .n_frozen = 0}, LULL_PHASE_IDLE, LULL_DO_END | LULL_DO_ANSWER},
    };
    const LullMachine end = play(beats, G_N_ELEMENTS(beats));

    ck_assert_int_eq(end.proof, LULL_PROOF_NONE);
    ck_assert_ptr_null(end.reason);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("machine");
    TCase *tcase = tcase_create("machine");

    tcase_add_test(tcase, test_whatever_lets_go_of_a_frozen_guest_leads_out_of_frozen);
    tcase_add_test(tcase, test_a_start_is_followed_by_exactly_one_end);
    tcase_add_test(tcase, test_a_second_freeze_or_prepare_changes_nothing);
    tcase_add_test(tcase, test_only_the_owner_with_the_right_epoch_extends_the_lease);
    tcase_add_test(tcase, test_every_phase_but_idle_has_a_deadline);
    tcase_add_test(tcase, test_time_acts_at_the_deadline_and_not_before);
    tcase_add_test(tcase, test_held_is_said_only_of_a_freeze_that_its_thaw_found_unbroken);
    tcase_add_test(tcase, test_every_request_is_answered_and_a_refusal_changes_nothing);
    tcase_add_test(tcase, test_nobody_thaws_aborts_or_renews_what_is_not_his);
    tcase_add_test(tcase, test_the_vendors_freeze_and_thaw_hold);
    tcase_add_test(tcase, test_the_standard_freeze_prepares_and_freezes_in_one_go);
    tcase_add_test(tcase, test_a_standard_freeze_ends_in_its_callers_time_however_long_its_lease);
    tcase_add_test(tcase, test_a_standard_thaw_breaks_the_vendors_epoch);
    tcase_add_test(tcase, test_a_standard_thaw_leaves_a_mere_preparation_alone);
    tcase_add_test(tcase, test_a_freeze_that_comes_through_after_it_was_given_up_is_broken);
    tcase_add_test(tcase, test_a_freeze_of_nothing_ends_the_operation_without_a_fault);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
