/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/advice.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define DONE   "'phase':'Succeeded','readyToUse':true,'conditions':[{'type':'Ready','status':'True'}]"
#define FAILED "'phase':'Failed','readyToUse':false,'conditions':[{'type':'Failure','status':'True'}]"

/* All advice as one text, one sentence a line. */
static char *
advice_of(const char *state, const char *indications, const char *witness, gboolean cluster)
{
    g_autofree char *text = g_strdup_printf("{'metadata':{'name':'s'},'spec':{'source':{'name':'larry'}},"
                                            "'status':{%s,'indications':[%s]}}",
                                            state, indications);
    g_autoptr(LullJson) snapshot = json(text);
    g_autofree char *report_text =
        witness ? g_strdup_printf("{\"level\":\"crash\",\"witness\":\"%s\"}", witness) : NULL;
    g_autoptr(LullReport) report = report_text ? lull_report_read(report_text, NULL) : NULL;
    g_autoptr(GPtrArray) advice = lull_advice_of_snapshot(snapshot, report, lull_machine_words(cluster));
    GString *all = g_string_new(NULL);

    for (guint i = 0; i < advice->len; i++)
        g_string_append_printf(all, "%s\n", (const char *)advice->pdata[i]);
    return g_string_free(all, FALSE);
}

static const struct {
    const char *state;
    const char *indications;
    const char *witness;
    const char *first; /* how the advice begins; "": there is none */
    const char *more;  /* and what is in it, or NULL */
} rows[] = {
    {DONE, "'Online','GuestAgent'", "quiet", "", NULL},
    {DONE, "", NULL, "", NULL},
    {"'phase':'InProgress'", "'Online','NoGuestAgent'", NULL, "", NULL},
    {DONE, "'Online','NoGuestAgent'", "none", "No agent answered in the guest: install",
     "virsh shutdown larry"},
    {DONE, "'NoGuestAgent'", "none", "The machine was off, but nothing shows", "virsh shutdown larry"},
    {DONE, "'Online','QuiesceFailed'", "quiet", "The guest could not be brought to rest", "--retry"},
    {DONE, "'Online','QuiesceFailed'", "noisy", "The guest went on writing while", "virsh shutdown larry"},
    {DONE, "'Online','QuiesceFailed','QuiesceTimeout'", NULL, "There was not time enough", "--retry"},
    {DONE, "'Online','Paused'", NULL, "The machine was paused: virsh resume larry", NULL},
    {DONE, "'Online','GuestAgent','PartialSnapshot'", NULL, "Not all that the machine keeps is in it.", NULL},
    {FAILED, "", NULL, "Mend what is said above, then take another one: lull snapshot larry --retry",
     "lull delete snapshot/s"},
    {FAILED, "'Online','NoGuestAgent'", NULL, "No agent answered in the guest", "lull delete snapshot/s"},
    {DONE, "7,{},'NoGuestAgen'", NULL, "", NULL},
};

START_TEST(advice_follows_the_indications)
{
    g_autofree char *advice = advice_of(rows[_i].state, rows[_i].indications, rows[_i].witness, FALSE);

    ck_assert_msg(g_str_has_prefix(advice, rows[_i].first), "%s", advice);
    ck_assert_int_eq(*rows[_i].first == '\0', *advice == '\0');
    if (rows[_i].more)
        ck_assert_msg(strstr(advice, rows[_i].more) != NULL, "%s", advice);
}
END_TEST

START_TEST(in_a_cluster_nobody_is_sent_to_virsh)
{
    g_autofree char *advice = advice_of(rows[_i].state, rows[_i].indications, rows[_i].witness, TRUE);
    g_autofree char *on_host = advice_of(rows[_i].state, rows[_i].indications, rows[_i].witness, FALSE);

    ck_assert_msg(!strstr(advice, "virsh"), "%s", advice);
    ck_assert_int_eq(strstr(advice, "virtctl ") != NULL, strstr(on_host, "virsh ") != NULL);
}
END_TEST

static const struct {
    const char *require;
    const char *report;
    gboolean retry;
} failures[] = {
    {"app", "{\"level\":\"fs\"}", FALSE},
    {"app", "{\"level\":\"fs\",\"writers\":[{\"name\":\"db\",\"result\":\"vetoed\"}]}", TRUE},
    {"app", "{\"level\":\"crash\"}", TRUE},
    {"fs", "{\"level\":\"fs\"}", TRUE},
};

START_TEST(no_other_try_is_advised_where_only_an_application_is_missing)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'s','annotations':{'lull.dev/require':'%s'}},"
                        "'spec':{'source':{'name':'larry'}},'status':{" FAILED ",'indications':['Online']}}",
                        failures[_i].require);
    g_autoptr(LullJson) snapshot = json(text);
    g_autoptr(LullReport) report = lull_report_read(failures[_i].report, NULL);
    g_autoptr(GPtrArray) advice = lull_advice_of_snapshot(snapshot, report, lull_machine_words(FALSE));
    const char *first = advice->pdata[0];

    ck_assert_int_eq(strstr(first, "--retry") != NULL, failures[_i].retry);
    ck_assert_int_eq(strstr(first, "lull snapshot larry --require fs") != NULL, !failures[_i].retry);
}
END_TEST

static const char *const stuck[] = {
    "{\"level\":\"crash\",\"witness\":\"noisy\",\"proofReason\":\"the agent could not prepare: /srv of the "
    "operation before is not thawed yet, which is tried again all the time\"}",
    "{\"level\":\"crash\",\"witness\":\"quiet\",\"filesystems\":[{\"mountpoint\":\"/\",\"type\":\"ext4\","
    "\"result\":\"frozen\",\"reason\":\"\"},{\"mountpoint\":\"/srv\",\"type\":\"xfs\",\"result\":\"frozen\","
    "\"reason\":\"not thawed yet: Input/output error; it is tried again all the time\"}]}",
};

START_TEST(what_stands_frozen_comes_before_all_other_advice)
{
    g_autoptr(LullReport) report = lull_report_read(stuck[_i], NULL);
    g_autofree char *text =
        g_strdup("{'metadata':{'name':'s'},'spec':{'source':{'name':'larry'}},'status':{" DONE
                 ",'indications':['Online','QuiesceFailed','QuiesceTimeout']}}");
    g_autoptr(LullJson) snapshot = json(text);
    g_autoptr(GPtrArray) advice = lull_advice_of_snapshot(snapshot, report, lull_machine_words(FALSE));

    ck_assert_uint_gt(advice->len, 0);
    ck_assert(g_str_has_prefix(advice->pdata[0], "A file system in the guest was frozen still"));
    ck_assert_ptr_nonnull(strstr(advice->pdata[0], "virsh reset larry"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("advice");
    TCase *tests = tcase_create("all");

    tcase_add_loop_test(tests, advice_follows_the_indications, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, in_a_cluster_nobody_is_sent_to_virsh, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, no_other_try_is_advised_where_only_an_application_is_missing, 0,
                        G_N_ELEMENTS(failures));
    tcase_add_loop_test(tests, what_stands_frozen_comes_before_all_other_advice, 0, G_N_ELEMENTS(stuck));
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
