/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/manual-answer.h"
#include "tests/lib/check-main.h"
#include "tests/unit/reconcile/fake-guest.h"

static LullVm *vm;

static void
setup(void)
{
    fake_reset();
    vm = lull_host_find_vm_by_uid(NULL, "v1", NULL);
}

static void
teardown(void)
{
    g_clear_pointer(&vm, lull_vm_free);
}

static LullJson *
thawed(LullAgentKind agent, gboolean held, const char *filesystems, LullWitnessVerdict witness)
{
    g_autoptr(LullJson) rows = lull_json_parse(filesystems, -1, NULL);
    const LullGuestHoldFacts hold = {
        .agent = agent,
        .attempted = TRUE,
        .frozen = TRUE,
        .held = held,
        .broken = held ? NULL : (char *)"foreign thaw",
        .window_usec = 1500,
        .filesystems = rows,
    };

    ck_assert_ptr_nonnull(rows);
    return lull_manual_answer_thawed(vm, &hold, witness);
}

#define WHOLE "[{\"mountpoint\":\"/\",\"result\":\"frozen\",\"volumes\":[\"vda\"]}]"
#define HALF  "[{\"mountpoint\":\"/\",\"result\":\"failed\",\"volumes\":[\"vda\"]}]"

static const struct {
    LullAgentKind agent;
    gboolean held;
    const char *filesystems;
    LullWitnessVerdict witness;
    const char *level, *proof, *by, *reason;
} rows[] = {
    {LULL_AGENT_LULL, TRUE, WHOLE, LULL_WITNESS_NONE, "fs", "held", "epoch", ""},
    {LULL_AGENT_LULL, TRUE, WHOLE, LULL_WITNESS_QUIET, "fs", "held", "epoch", ""},
    {LULL_AGENT_LULL, TRUE, WHOLE, LULL_WITNESS_NOISY, "crash", "broken", "", "noisy"},
    {LULL_AGENT_LULL, TRUE, HALF, LULL_WITNESS_QUIET, "crash", "none", "",
     "not every file system could be frozen"},
    {LULL_AGENT_LULL, FALSE, WHOLE, LULL_WITNESS_QUIET, "crash", "broken", "", "foreign thaw"},
    {LULL_AGENT_STOCK, TRUE, WHOLE, LULL_WITNESS_QUIET, "fs", "held", "witness", ""},
    {LULL_AGENT_STOCK, TRUE, WHOLE, LULL_WITNESS_NONE, "crash", "broken", "",
     "no witness: the host cannot see whether the guest kept still"},
    {LULL_AGENT_STOCK, TRUE, HALF, LULL_WITNESS_QUIET, "crash", "none", "",
     "not every file system could be frozen"},
};

START_TEST(test_a_freeze_by_hand_claims_what_an_attempt_might)
{
    g_autoptr(LullJson) json = thawed(rows[_i].agent, rows[_i].held, rows[_i].filesystems, rows[_i].witness);

    ck_assert_str_eq(lull_json_string(json, "level", ""), rows[_i].level);
    ck_assert_str_eq(lull_json_string(json, "proof", ""), rows[_i].proof);
    ck_assert_str_eq(lull_json_string(json, "proofBy", "?"), rows[_i].by);
    ck_assert_str_eq(lull_json_string(json, "proofReason", "?"), rows[_i].reason);
    ck_assert_double_eq(json_object_get_double(lull_json_at(json, "windowMs", NULL)), 1.5);
}
END_TEST

START_TEST(test_a_thaw_that_the_guest_did_not_answer_tells_of_no_window)
{
    g_autoptr(LullJson) none = json_object_new_array();
    const LullGuestHoldFacts hold = {
        .agent = LULL_AGENT_LULL, .frozen = TRUE, .broken = (char *)"agent lost", .filesystems = none};
    g_autoptr(LullJson) json = lull_manual_answer_thawed(vm, &hold, LULL_WITNESS_NONE);

    ck_assert_str_eq(lull_json_string(json, "proof", ""), "broken");
    ck_assert_ptr_null(lull_json_at(json, "windowMs", NULL));
}
END_TEST

START_TEST(test_the_answer_to_a_freeze_names_what_stands_still)
{
    g_autoptr(LullJson) rows_json = lull_json_parse(
        "[{\"mountpoint\":\"/\",\"result\":\"frozen\"},{\"mountpoint\":\"/proc\",\"result\":\"skipped\"}]",
        -1, NULL);
    const LullGuestHoldFacts hold = {.agent_name = (char *)"fake 1", .filesystems = rows_json};
    g_autoptr(LullJson) json = lull_manual_answer_frozen(&hold);

    ck_assert_str_eq(lull_json_to_line(lull_json_array(json, "frozen")), "[\"/\"]");
    ck_assert_str_eq(lull_json_string(json, "agent", ""), "fake 1");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("manual-answer");
    TCase *tcase = tcase_create("manual-answer");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test_a_freeze_by_hand_claims_what_an_attempt_might, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, test_a_thaw_that_the_guest_did_not_answer_tells_of_no_window);
    tcase_add_test(tcase, test_the_answer_to_a_freeze_names_what_stands_still);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
