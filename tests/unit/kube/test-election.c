/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/store/kube/election-decide.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static const LullElectionTuning *tuning = &lull_election_usual;
static LullElectionState state;
static gint64 now;

static void
setup(void)
{
    lull_election_state_init(&state);
    now = LULL_SEC(1000);
}

static void
teardown(void)
{
    lull_election_state_clear(&state);
}

static LullJson *
lease(const char *holder, int renewal, int term)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'l','resourceVersion':'%d'},'spec':{'holderIdentity':'%s',"
                        "'renewTime':'%d','leaseDurationSeconds':15,'leaseTransitions':%d}}",
                        renewal, holder, renewal, term);

    return json(text);
}

static void
see(const char *holder, int renewal)
{
    g_autoptr(LullJson) seen = lease(holder, renewal, 3);

    lull_election_state_see(&state, tuning, seen, now);
}

static LullElectionVerb
decide(gboolean stopping)
{
    return lull_election_decide(&state, tuning, "me", stopping, now).verb;
}

static void
win(void)
{
    g_autoptr(LullJson) mine = lease("me", 1, 4);

    lull_election_state_won(&state, tuning, mine, now, now);
}

START_TEST(whoever_comes_looks_first)
{
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_LOOK);
    lull_election_state_see(&state, tuning, NULL, now);
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_CREATE);
    now += tuning->retry; /* that is too long ago to go by */
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_LOOK);
}
END_TEST

START_TEST(a_lease_that_is_renewed_is_never_taken)
{
    for (int i = 0; i < 100; i++) {
        see("other", i);
        ck_assert_int_eq(decide(FALSE), LULL_ELECTION_WAIT);
        now += tuning->retry;
        ck_assert_int_eq(decide(FALSE), LULL_ELECTION_LOOK);
    }
}
END_TEST

START_TEST(a_lease_is_taken_when_it_did_not_change_for_its_duration)
{
    for (const gint64 begin = now; now - begin < LULL_SEC(15); now += LULL_SEC(1)) {
        see("other", 1);
        ck_assert_int_eq(decide(FALSE), LULL_ELECTION_WAIT);
    }
    see("other", 1);
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_TAKE);
    see("other", 2); /* alive after all */
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_WAIT);
}
END_TEST

START_TEST(nobodys_and_ones_own_are_taken_at_once)
{
    see("", 1);
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_TAKE);
    see("me", 1);
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_TAKE);
}
END_TEST

START_TEST(a_leader_renews_and_gives_up_before_anybody_may_take_over)
{
    win();
    ck_assert(lull_election_leads(&state, tuning, now));
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_WAIT);
    now += tuning->retry;
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_RENEW);
    now = LULL_SEC(1000) + tuning->deadline - 1;
    ck_assert(lull_election_leads(&state, tuning, now));
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_RENEW);
    now++;
    ck_assert(!lull_election_leads(&state, tuning, now));
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_STEP_DOWN);
    ck_assert_int_lt(tuning->deadline, tuning->duration);
}
END_TEST

START_TEST(a_leader_that_sees_another_steps_down)
{
    win();
    see("other", 9);
    ck_assert_int_eq(decide(FALSE), LULL_ELECTION_STEP_DOWN);
}
END_TEST

START_TEST(who_stops_releases_what_he_holds_and_takes_nothing)
{
    ck_assert_int_eq(decide(TRUE), LULL_ELECTION_WAIT);
    win();
    ck_assert_int_eq(decide(TRUE), LULL_ELECTION_RELEASE);
    g_autoptr(LullJson) released = lease("", 2, 4);
    lull_election_state_won(&state, tuning, released, now, now);
    ck_assert(!lull_election_leads(&state, tuning, now));
    ck_assert_int_eq(decide(TRUE), LULL_ELECTION_WAIT);
}
END_TEST

START_TEST(only_a_change_of_leader_counts_the_term)
{
    static const struct {
        const char *holder;
        LullElectionVerb verb;
        const char *written;
        gint64 term; /* -1: left as it is */
        gint64 seconds;
    } cases[] = {
        {"other", LULL_ELECTION_TAKE, "me", 4, 15}, {"", LULL_ELECTION_TAKE, "me", 4, 15},
        {"me", LULL_ELECTION_TAKE, "me", -1, 15},   {"me", LULL_ELECTION_RENEW, "me", -1, 15},
        {"me", LULL_ELECTION_RELEASE, "", -1, 1},   {"", LULL_ELECTION_CREATE, "me", 4, 15},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        see(cases[i].holder, 1);
        g_autoptr(LullJson) spec = lull_election_spec(&state, tuning, "me", cases[i].verb, 1500000);
        ck_assert_str_eq(lull_json_string(spec, "holderIdentity", "-"), cases[i].written);
        ck_assert_int_eq(lull_json_int(spec, "leaseTransitions", -1), cases[i].term);
        ck_assert_int_eq(lull_json_int(spec, "leaseDurationSeconds", 0), cases[i].seconds);
        ck_assert_str_eq(lull_json_string(spec, "renewTime", ""), "1970-01-01T00:00:01.500000Z");
        ck_assert_int_eq(lull_json_at(spec, "acquireTime", NULL) != NULL, cases[i].term >= 0);
    }
}
END_TEST

static gint64
written_term(LullElectionVerb verb, gint64 wall)
{
    g_autoptr(LullJson) spec = lull_election_spec(&state, tuning, "me", verb, wall);

    return lull_json_int(spec, "leaseTransitions", -1);
}

START_TEST(the_term_never_goes_back)
{
    const gint64 wall = LULL_SEC(1770000000);
    const gint64 first = written_term(LULL_ELECTION_CREATE, wall);

    see("other", 1);
    lull_election_state_see(&state, tuning, NULL, now); /* deleted */
    ck_assert_int_gt(written_term(LULL_ELECTION_CREATE, 0), 3);
    g_autoptr(LullJson) lower = lease("other", 2, 0); /* made again by somebody who knew of none */
    lull_election_state_see(&state, tuning, lower, now);
    ck_assert_int_gt(written_term(LULL_ELECTION_TAKE, 0), 3);
    lull_election_state_clear(&state); /* who knows of none himself */
    ck_assert_int_gt(written_term(LULL_ELECTION_CREATE, wall + LULL_SEC(3600)), first + 50);
    /* whose leader had changed every few seconds */
    ck_assert_int_gt(written_term(LULL_ELECTION_CREATE, wall + LULL_SEC(60)), first + 20);
    ck_assert_int_lt(written_term(LULL_ELECTION_CREATE, 2 * wall), G_MAXINT32);
    g_autoptr(LullJson) last = lease("other", 3, G_MAXINT32);
    lull_election_state_see(&state, tuning, last, now);
    ck_assert_int_eq(written_term(LULL_ELECTION_TAKE, wall), G_MAXINT32);
}
END_TEST

START_TEST(nonsense_in_a_lease_stops_nobody_for_good)
{
    static const char *const texts[] = {
        "{}",
        "{'spec':7}",
        "{'spec':{'holderIdentity':'other'}}",
        "{'spec':{'holderIdentity':'other','leaseDurationSeconds':-5,'leaseTransitions':'x'}}",
        "{'spec':{'holderIdentity':'other','leaseDurationSeconds':9000000000000,'leaseTransitions':-1}}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LullJson) odd = json(texts[i]);
        lull_election_state_clear(&state);
        lull_election_state_see(&state, tuning, odd, now);
        ck_assert_int_ge(state.term, 0);
        now += LULL_SEC(600);
        lull_election_state_see(&state, tuning, odd, now);
        ck_assert_int_eq(decide(FALSE), LULL_ELECTION_TAKE);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    const TTest *const tests[] = {
        whoever_comes_looks_first,
        a_lease_that_is_renewed_is_never_taken,
        a_lease_is_taken_when_it_did_not_change_for_its_duration,
        nobodys_and_ones_own_are_taken_at_once,
        a_leader_renews_and_gives_up_before_anybody_may_take_over,
        a_leader_that_sees_another_steps_down,
        who_stops_releases_what_he_holds_and_takes_nothing,
        only_a_change_of_leader_counts_the_term,
        the_term_never_goes_back,
        nonsense_in_a_lease_stops_nobody_for_good,
    };
    Suite *suite = suite_create("election");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, setup, teardown);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
