/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/run-strategy.h"
#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static LullJson *
machine(const char *how, const char *status)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'larry','uid':'v1','resourceVersion':'7'},'spec':{%s},'status':{%s}}", how,
        status);

    return json(text);
}

#define OFF     "'printableStatus':'Stopped'"
#define CRASHED OFF ",'end':'crashed'"
#define ENDED   OFF ",'end':'stopped'"
#define START   ",'stateChangeRequests':[{'action':'Start'}]"
#define STOP    ",'stateChangeRequests':[{'action':'Stop','uid':'i1'}]"
#define ON      "'printableStatus':'Running'"

static const struct {
    const char *how, *status;
    gboolean off;
    const char *note; /* of one that is not */
} machines[] = {
    {"'runStrategy':'Halted'", OFF, TRUE, NULL},
    {"'runStrategy':'Halted'", ON, FALSE, NULL}, /* it was asked to end */
    {"'runStrategy':'Manual'", OFF, TRUE, NULL},
    {"'runStrategy':'Manual'", CRASHED, TRUE, NULL},
    {"'runStrategy':'Manual'", ON, FALSE, "Manual"},
    {"'runStrategy':'Manual'", OFF START, FALSE, "Manual"},
    {"'runStrategy':'Manual'", OFF STOP, TRUE, NULL},
    {"'runStrategy':'Halted'", OFF START, FALSE, NULL},
    {"'runStrategy':'Once'", OFF, FALSE, "Once"}, /* it has not run yet */
    {"'runStrategy':'Once'", ENDED, TRUE, NULL},
    {"'runStrategy':'Once'", CRASHED, TRUE, NULL},
    {"'runStrategy':'Once'", ON, FALSE, "Once"},
    {"'runStrategy':'RerunOnFailure'", ENDED, TRUE, NULL},
    {"'runStrategy':'RerunOnFailure'", CRASHED, FALSE, "RerunOnFailure"}, /* it is started again */
    {"'runStrategy':'RerunOnFailure'", OFF ",'runStrategy':'RerunOnFailure'", TRUE, NULL},
    {"'runStrategy':'RerunOnFailure'", OFF ",'runStrategy':'Halted'", FALSE, "RerunOnFailure"},
    {"'runStrategy':'RerunOnFailure'", OFF, FALSE, "RerunOnFailure"},
    {"'runStrategy':'RerunOnFailure'", OFF ",'runStrategy':'RerunOnFailure'" START, FALSE,
     "RerunOnFailure"},                               /* after a while, for it crashed */
    {"'runStrategy':'Always'", OFF, FALSE, "Always"}, /* so is this */
    {"'runStrategy':'Always'", ON, FALSE, "Always"},
    {"'running':true", OFF, FALSE, "running"},
    {"'running':true", "'printableStatus':'Paused'", FALSE, "running"},
    {"'running':false", OFF, TRUE, NULL},
    {"'running':false", ON, FALSE, NULL},
    {"", OFF, TRUE, NULL},
    {"'runStrategy':'Sometimes'", ON, FALSE, NULL}, /* nobody here knows what that is */
    {"'runStrategy':'WaitAsReceiver'", OFF, FALSE, NULL},
};

START_TEST(test_a_machine_is_off_where_nobody_is_about_to_start_it)
{
    g_autoptr(LullJson) vm = machine(machines[_i].how, machines[_i].status);

    ck_assert_int_eq(lull_run_is_off(vm), machines[_i].off);
    if (!machines[_i].off)
        ck_assert_pstr_eq(lull_run_note(vm), machines[_i].note);
    ck_assert(!machines[_i].note || g_strv_contains(lull_run_notes, machines[_i].note));
}
END_TEST

static const struct {
    const char *how, *note;
    const char *patch; /* of its spec; NULL: none */
    gboolean asked;    /* it does not start by that */
} starts[] = {
    {"'runStrategy':'Halted'", "Always", "{'runStrategy':'Always'}"},
    {"'runStrategy':'Halted'", "Once", "{'runStrategy':'Once'}"},
    {"'running':false", "running", "{'running':true}"},
    {"'runStrategy':'Manual'", "Manual", NULL, TRUE},
    {"'runStrategy':'Halted'", "Manual", "{'runStrategy':'Manual'}", TRUE}, /* since it was stopped */
    {"'runStrategy':'Halted'", "RerunOnFailure", "{'runStrategy':'RerunOnFailure'}"},
    {"'runStrategy':'Sometimes'", "Always", NULL},
    {"'runStrategy':'RerunOnFailure'", "RerunOnFailure", NULL},
    {"'runStrategy':'Always'", "Once", NULL}, /* somebody said so meanwhile */
    {"'running':true", "running", NULL},
};

START_TEST(test_how_a_machine_is_run_is_given_back_where_it_was_taken)
{
    g_autoptr(LullJson) vm = machine(starts[_i].how, OFF);
    g_autoptr(LullJson) patch = lull_run_start_patch(vm, starts[_i].note);
    g_autoptr(LullJson) wanted = starts[_i].patch ? json(starts[_i].patch) : NULL;

    ck_assert(lull_json_equal(lull_json_object(patch, "spec"), wanted));
    ck_assert_int_eq(lull_run_starts_itself(starts[_i].note), !starts[_i].asked);
    if (patch)
        ck_assert_str_eq(lull_meta_version(patch), "7");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("cluster/run-strategy");
    TCase *tcase = tcase_create("run-strategy");

    tcase_add_loop_test(tcase, test_a_machine_is_off_where_nobody_is_about_to_start_it, 0,
                        G_N_ELEMENTS(machines));
    tcase_add_loop_test(tcase, test_how_a_machine_is_run_is_given_back_where_it_was_taken, 0,
                        G_N_ELEMENTS(starts));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
