/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/reconcile/truth.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"

#define GA  LULL_INDICATION_GUEST_AGENT
#define NGA LULL_INDICATION_NO_GUEST_AGENT
#define ON  LULL_INDICATION_ONLINE
#define PA  LULL_INDICATION_PAUSED
#define QF  LULL_INDICATION_QUIESCE_FAILED
#define QT  LULL_INDICATION_QUIESCE_TIMEOUT

static guint
count_bits(guint bits)
{
    return (guint)__builtin_popcount(bits);
}

/* What must hold of any claim, whatever the facts. */
static void
check_claim(const LullTruthFacts *facts, const LullTruth *truth)
{
    const gboolean running = facts->vm == LULL_VM_RUNNING;
    const gboolean left_alone = facts->vm == LULL_VM_STOPPED && facts->end != LULL_VM_END_SHUTDOWN;

    ck_assert_uint_le(count_bits(truth->indications & (GA | NGA | QF)), 1);
    ck_assert_int_eq((truth->indications & ON) != 0, facts->vm != LULL_VM_STOPPED);
    ck_assert_int_eq((truth->indications & PA) != 0, facts->vm == LULL_VM_PAUSED);
    ck_assert_uint_eq(count_bits(truth->indications & (GA | NGA | QF)),
                      (running && !facts->no_volumes) || left_alone);
    /* what is off is at rest only where the guest has seen to that */
    ck_assert_int_eq(truth->level == LULL_LEVEL_STOPPED,
                     facts->vm == LULL_VM_STOPPED && facts->end == LULL_VM_END_SHUTDOWN);
    ck_assert(!left_alone || truth->level == LULL_LEVEL_CRASH);
    /* a claim above crash is earned, and only then is the agent praised */
    ck_assert_int_eq((truth->indications & GA) != 0, truth->proof == LULL_PROOF_HELD);
    ck_assert_int_eq(truth->level == LULL_LEVEL_FS || truth->level == LULL_LEVEL_APP,
                     truth->proof == LULL_PROOF_HELD);
    if (truth->proof == LULL_PROOF_HELD) {
        ck_assert(running && !facts->given_up && !facts->no_volumes && facts->frozen && facts->held &&
                  facts->cut_while_frozen && !facts->incomplete);
        ck_assert_int_ne(facts->witness, LULL_WITNESS_NOISY);
        ck_assert(facts->agent == LULL_AGENT_LULL || facts->witness == LULL_WITNESS_QUIET);
        ck_assert_int_eq(truth->proof_by,
                         facts->agent == LULL_AGENT_LULL ? LULL_PROOF_BY_EPOCH : LULL_PROOF_BY_WITNESS);
        ck_assert_str_eq(truth->proof_reason, "");
    } else {
        ck_assert_int_eq(truth->proof_by, LULL_PROOF_BY_NOTHING);
        ck_assert_uint_gt(strlen(truth->proof_reason), 0);
    }
    if (truth->level == LULL_LEVEL_APP)
        ck_assert(facts->writers_met && facts->agent == LULL_AGENT_LULL);
    if (truth->proof == LULL_PROOF_BROKEN)
        ck_assert(facts->frozen);
    ck_assert(!(truth->indications & QT) || ((truth->indications & QF) && facts->timed_out));
    ck_assert_int_eq(
        (truth->indications & NGA) != 0,
        left_alone || (running && facts->agent == LULL_AGENT_NONE && !facts->given_up && !facts->no_volumes));
    /* what is given up is not asked for again; what may go better is */
    ck_assert(truth->final || (running && !facts->given_up && facts->agent != LULL_AGENT_NONE));
    ck_assert(truth->final || truth->proof != LULL_PROOF_HELD);
    ck_assert(!facts->given_up || truth->final);
}

START_TEST(test_no_combination_of_facts_earns_more_than_it_may)
{
    static const char *const texts[] = {NULL, "", "a reason"};
    guint seen = 0;

    for (guint bits = 0; bits < 1u << 9; bits++)
        for (int vm = 0; vm <= LULL_VM_PAUSED; vm++)
            for (int agent = 0; agent <= LULL_AGENT_LULL; agent++)
                for (int witness = 0; witness <= LULL_WITNESS_NOISY; witness++)
                    for (gsize text = 0; text < G_N_ELEMENTS(texts); text++) {
                        const LullTruthFacts facts = {
                            .vm = vm <= LULL_VM_PAUSED ? (LullVmState)vm : LULL_VM_STOPPED,
                            .end =
                                vm <= LULL_VM_PAUSED ? LULL_VM_END_UNKNOWN : (LullVmEnd)(vm - LULL_VM_PAUSED),
                            .agent = (LullAgentKind)agent,
                            .agent_problem = texts[text],
                            .frozen = (bits & 1) != 0,
                            .held = (bits & 2) != 0,
                            .timed_out = (bits & 4) != 0,
                            .cut_while_frozen = (bits & 8) != 0,
                            .writers_met = (bits & 16) != 0,
                            .incomplete = (bits & 32) != 0,
                            .nothing = (bits & 64) != 0,
                            .given_up = bits & 128 ? "twice" : NULL,
                            .no_volumes = (bits & 256) != 0,
                            .witness = (LullWitnessVerdict)witness,
                            .problem = texts[text],
                            .broken = texts[text],
                        };
                        const LullTruth truth = lull_truth_of(&facts);

                        check_claim(&facts, &truth);
                        seen++;
                    }
    ck_assert_uint_eq(seen, 512 * 3 * 3 * 3 * 3);
}
END_TEST

#define RUN       .vm = LULL_VM_RUNNING
#define OURS      .agent = LULL_AGENT_LULL
#define STOCK     .agent = LULL_AGENT_STOCK
#define STILL     .frozen = TRUE, .held = TRUE, .cut_while_frozen = TRUE
#define QUIET     .witness = LULL_WITNESS_QUIET
#define NOISY     .witness = LULL_WITNESS_NOISY
#define OFF(end_) .vm = LULL_VM_STOPPED, .end = LULL_VM_END_##end_

static const struct {
    LullTruthFacts facts;
    guint indications;
    LullLevel level;
    LullProof proof;
    const char *reason;
    gboolean again;
} rows[] = {
    {{RUN, OURS, STILL, QUIET}, ON | GA, LULL_LEVEL_FS, LULL_PROOF_HELD, ""},
    {{RUN, OURS, STILL}, ON | GA, LULL_LEVEL_FS, LULL_PROOF_HELD, ""},
    {{RUN, OURS, STILL, QUIET, .writers_met = TRUE}, ON | GA, LULL_LEVEL_APP, LULL_PROOF_HELD, ""},
    {{RUN, OURS, STILL, NOISY}, ON | QF, LULL_LEVEL_CRASH, LULL_PROOF_BROKEN, "noisy", TRUE},
    {{RUN, STOCK, STILL, QUIET}, ON | GA, LULL_LEVEL_FS, LULL_PROOF_HELD, ""},
    {{RUN, STOCK, STILL, QUIET, .writers_met = TRUE}, ON | GA, LULL_LEVEL_FS, LULL_PROOF_HELD, ""},
    {{RUN, STOCK, STILL, NOISY}, ON | QF, LULL_LEVEL_CRASH, LULL_PROOF_BROKEN, "noisy", TRUE},
    {{RUN, STOCK, STILL}, ON | QF, LULL_LEVEL_CRASH, LULL_PROOF_BROKEN, NULL},
    {{RUN, OURS, STILL, QUIET, .incomplete = TRUE}, ON | QF, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL, TRUE},
    {{RUN, OURS, STILL, NOISY, .incomplete = TRUE},
     ON | QF,
     LULL_LEVEL_CRASH,
     LULL_PROOF_BROKEN,
     "noisy",
     TRUE},
    {{RUN, OURS, .problem = "vetoed by db"},
     ON | QF,
     LULL_LEVEL_CRASH,
     LULL_PROOF_NONE,
     "vetoed by db",
     TRUE},
    {{RUN, OURS, .nothing = TRUE}, ON | QF, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{RUN, .given_up = "foreign thaw"}, ON | QF, LULL_LEVEL_CRASH, LULL_PROOF_NONE, "foreign thaw"},
    {{.vm = LULL_VM_PAUSED, .given_up = "foreign thaw"}, ON | PA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{RUN, OURS, .problem = "slow", .timed_out = TRUE},
     ON | QF | QT,
     LULL_LEVEL_CRASH,
     LULL_PROOF_NONE,
     "slow",
     TRUE},
    {{RUN, OURS, QUIET, .frozen = TRUE, .cut_while_frozen = TRUE, .broken = "foreign thaw"},
     ON | QF,
     LULL_LEVEL_CRASH,
     LULL_PROOF_BROKEN,
     "foreign thaw",
     TRUE},
    {{RUN, OURS, QUIET, .frozen = TRUE, .cut_while_frozen = TRUE, .broken = "lease expired",
      .timed_out = TRUE},
     ON | QF | QT,
     LULL_LEVEL_CRASH,
     LULL_PROOF_BROKEN,
     "lease expired",
     TRUE},
    {{RUN, OURS, QUIET, .frozen = TRUE, .held = TRUE},
     ON | QF,
     LULL_LEVEL_CRASH,
     LULL_PROOF_BROKEN,
     NULL,
     TRUE},
    {{RUN, .agent_problem = "not connected"}, ON | NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, "not connected"},
    {{RUN, .timed_out = TRUE}, ON | NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{.vm = LULL_VM_PAUSED, OURS, STILL, QUIET}, ON | PA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{RUN, .no_volumes = TRUE}, ON, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{OFF(RESTORED)}, NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{OFF(SHUTDOWN)}, 0, LULL_LEVEL_STOPPED, LULL_PROOF_NONE, "the VM was off"},
    {{OFF(SHUTDOWN), .given_up = "foreign thaw"}, 0, LULL_LEVEL_STOPPED, LULL_PROOF_NONE, NULL},
    {{OFF(UNKNOWN)}, NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{OFF(TERMINATED)}, NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{OFF(DESTROYED)}, NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{OFF(DESTROYED), .given_up = "foreign thaw", .timed_out = TRUE},
     NGA,
     LULL_LEVEL_CRASH,
     LULL_PROOF_NONE,
     NULL},
    {{OFF(CRASHED)}, NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{OFF(SAVED)}, NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{OFF(MIGRATED)}, NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{OFF(FAILED)}, NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
    {{OFF(REVERTED)}, NGA, LULL_LEVEL_CRASH, LULL_PROOF_NONE, NULL},
};

START_TEST(test_claims_what_the_table_allows)
{
    const LullTruth truth = lull_truth_of(&rows[_i].facts);

    ck_assert_uint_eq(truth.indications, rows[_i].indications);
    ck_assert_int_eq(truth.level, rows[_i].level);
    ck_assert_int_eq(truth.proof, rows[_i].proof);
    ck_assert_int_eq(truth.final, !rows[_i].again);
    if (rows[_i].reason)
        ck_assert_str_eq(truth.proof_reason, rows[_i].reason);
}
END_TEST

START_TEST(test_what_a_guest_did_not_switch_off_itself_says_so)
{
    for (int end = 0; end < LULL_VM_END_N; end++) {
        const char *why = lull_truth_unrest((LullVmEnd)end);

        ck_assert_int_eq(why == NULL, end == LULL_VM_END_SHUTDOWN);
        ck_assert(!why || strstr(why, "switch itself off") || strstr(why, "switched itself off"));
    }
}
END_TEST

START_TEST(test_stopped_satisfies_any_level_and_crash_only_itself)
{
    for (int required = LULL_LEVEL_CRASH; required <= LULL_LEVEL_APP; required++) {
        ck_assert(lull_level_satisfies(LULL_LEVEL_STOPPED, (LullLevel)required));
        ck_assert(lull_level_satisfies(LULL_LEVEL_APP, (LullLevel)required));
        ck_assert_int_eq(lull_level_satisfies(LULL_LEVEL_CRASH, (LullLevel)required),
                         required == LULL_LEVEL_CRASH);
        ck_assert_int_eq(lull_level_satisfies(LULL_LEVEL_FS, (LullLevel)required),
                         required != LULL_LEVEL_APP);
    }
}
END_TEST

static const struct {
    const char *writers;
    gboolean met;
} writers[] = {
    {"[]", FALSE},
    {"[{\"result\":\"held\"}]", TRUE},
    {"[{\"result\":\"prepared\",\"required\":true}]", TRUE},
    {"[{\"result\":\"skipped\",\"required\":true}]", FALSE},
    {"[{\"result\":\"skipped\",\"required\":true},{\"result\":\"held\"}]", TRUE},
    {"[{\"result\":\"lost\",\"required\":true},{\"result\":\"held\"}]", FALSE},
    {"[{\"result\":\"lost\",\"required\":false},{\"result\":\"held\"}]", TRUE},
    {"[7,\"held\"]", FALSE},
    {"{}", FALSE},
};

START_TEST(test_writers_meet_their_need_when_one_holds_and_no_required_one_fails)
{
    g_autoptr(LullJson) rows_json = lull_json_parse(writers[_i].writers, -1, NULL);

    ck_assert_int_eq(lull_truth_writers_met(rows_json), writers[_i].met);
}
END_TEST

static const struct {
    const char *filesystems;
    gboolean incomplete;
} filesystems[] = {
    {"[]", FALSE},
    {"[{'result':'frozen','volumes':['vda']},{'result':'skipped','volumes':['vda']}]", FALSE},
    {"[{'result':'frozen','volumes':['vda']},{'result':'failed','volumes':['vdb','vda']}]", TRUE},
    {"[{'result':'failed','volumes':['other']}]", FALSE},
    {"[{'result':'failed','volumes':[]}]", TRUE},
    {"[{'result':'failed'}]", TRUE},
    {"[{'result':'skipped','reason':'" LULL_SKIPPED_NOT_ASKED "','volumes':['other']}]", FALSE},
    {"[{'result':'skipped','reason':'" LULL_SKIPPED_NOT_ASKED "','volumes':[]}]", TRUE},
    {"[{'result':'skipped','reason':'" LULL_SKIPPED_NOT_ASKED "','volumes':['other','vda']}]", TRUE},
    {"[{'result':'skipped','reason':'read-only','volumes':[]}]", FALSE},
    {"[7,{'result':[]}]", FALSE},
    {"{}", FALSE},
};

START_TEST(test_a_file_system_that_moved_on_counts_unless_it_is_known_to_be_elsewhere)
{
    static const char *const cut[] = {"vda", "vdb", NULL};
    g_autofree char *text = g_strdelimit(g_strdup(filesystems[_i].filesystems), "'", '"');
    g_autoptr(LullJson) rows_json = lull_json_parse(text, -1, NULL);

    ck_assert_int_eq(lull_truth_incomplete(rows_json, cut), filesystems[_i].incomplete);
}
END_TEST

START_TEST(test_names_of_indications_come_sorted_with_their_sentences)
{
    const guint all = GA | NGA | ON | PA | QF | QT;
    const char *last = "";

    for (guint i = 0; i < 6; i++) {
        const char *message = NULL;
        const char *name = lull_indication_nth(all, i, &message);

        ck_assert_int_lt(strcmp(last, name), 0);
        ck_assert_str_eq(lull_indication_message(name), message);
        last = name;
    }
    ck_assert_ptr_null(lull_indication_nth(all, 6, NULL));
    ck_assert_str_eq(lull_indication_nth(ON | QF, 1, NULL), "QuiesceFailed");
    ck_assert_str_eq(lull_indication_message("New"), "Unknown indication");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("truth");
    TCase *tcase = tcase_create("truth");

    tcase_set_timeout(tcase, 60); /* all combinations: on a busy machine they take longer than Check's 4 s */
    tcase_add_test(tcase, test_no_combination_of_facts_earns_more_than_it_may);
    tcase_add_loop_test(tcase, test_claims_what_the_table_allows, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, test_what_a_guest_did_not_switch_off_itself_says_so);
    tcase_add_test(tcase, test_stopped_satisfies_any_level_and_crash_only_itself);
    tcase_add_loop_test(tcase, test_writers_meet_their_need_when_one_holds_and_no_required_one_fails, 0,
                        G_N_ELEMENTS(writers));
    tcase_add_loop_test(tcase, test_a_file_system_that_moved_on_counts_unless_it_is_known_to_be_elsewhere, 0,
                        G_N_ELEMENTS(filesystems));
    tcase_add_test(tcase, test_names_of_indications_come_sorted_with_their_sentences);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
