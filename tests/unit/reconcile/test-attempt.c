/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "coordinator/reconcile/attempt-decide.h"
#include "coordinator/reconcile/attempt.h"
#include "protocol/clock.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/fake-guest.h"

static char *dir;
static LullIntents *intents;
static LullClaims *claims;
static GCancellable *cancel;

static void
setup(void)
{
    fake_reset();
    dir = g_dir_make_tmp("lull-attempt-XXXXXX", NULL);
    intents = lull_intents_open(dir, NULL);
    claims = lull_claims_new();
    cancel = g_cancellable_new();
}

static void
teardown(void)
{
    g_clear_pointer(&intents, lull_intents_free);
    g_clear_pointer(&claims, lull_claims_free);
    g_clear_object(&cancel);
    g_rmdir(dir);
    g_clear_pointer(&dir, g_free);
}

/* No file grows any more, as on a disk that is full. */
static void
fill_disk(void)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void
empty_disk(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static guint
count_intents(void)
{
    g_autoptr(GPtrArray) list = lull_intents_list(intents);

    return list->len;
}

static LullMetrics *metrics; /* NULL: nobody counts */
static gint64 deadline;
static const char *promised; /* names of volumes; NULL: none */
static gboolean by_claim;
static const char *excluded; /* by the user; NULL: none */
static LullJson *earlier;    /* report of an attempt to quiesce in vain; NULL: this is the first */

static LullAttemptOutcome *
attempt(LullLevel require, GError **error)
{
    const LullAttemptTools tools = {NULL, fake_storage(), intents, claims, 0, metrics};
    g_autoptr(LullAttemptOrder) order = g_new0(LullAttemptOrder, 1);
    LullAttemptOutcome *outcome = NULL;

    order->vm_uid = g_strdup("v1");
    order->content_uid = g_strdup("c1");
    order->owner = g_strdup("snapshot s");
    order->number = 1;
    order->unquiesced = earlier != NULL;
    order->earlier = earlier ? lull_json_dup(earlier) : NULL;
    order->require = require;
    order->deadline = deadline;
    order->by_claim = by_claim;
    order->volumes = promised ? g_strsplit(promised, ",", 0) : NULL;
    order->exclude = excluded ? g_strsplit(excluded, ",", 0) : NULL;
    outcome = lull_attempt_run(&tools, order, cancel, error);
    empty_disk();
    /* whatever came of it */
    ck_assert(!fake_is_frozen() || fake.unconfirmed);
    ck_assert_uint_eq(count_intents(), fake.unconfirmed ? 1 : 0);
    ck_assert(lull_claims_take(claims, "v1", "test", NULL));
    lull_claims_release(claims, "v1");
    return outcome;
}

START_TEST(test_holds_cuts_and_tells)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = attempt(LULL_LEVEL_FS, &error);

    ck_assert_no_error(error);
    ck_assert_str_eq(fake_story(), "shpf1c2t");
    ck_assert(outcome->reached && outcome->cut_time > 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "fs");
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "held");
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "volumes")), 2);
}
END_TEST

START_TEST(test_a_cut_is_not_waited_for_longer_than_the_guest_is_kept)
{
    static const struct {
        LullAgentKind agent;
        gint64 budget;  /* of its writers */
        gint64 longest; /* 0: it is not frozen */
    } cases[] = {
        {LULL_AGENT_LULL, 0, LULL_MSEC(LULL_FREEZE_MAX_MS)},
        {LULL_AGENT_LULL, LULL_SEC(3), LULL_SEC(3)},
        {LULL_AGENT_LULL, LULL_SEC(600), LULL_MSEC(LULL_FREEZE_MAX_MS)},
        {LULL_AGENT_STOCK, 0, LULL_SEC(20)},
        {LULL_AGENT_NONE, 0, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const gint64 begun = lull_clock_boottime();
        g_autoptr(LullAttemptOutcome) outcome = NULL;

        fake.agent = cases[i].agent;
        fake.hold_budget = cases[i].budget;
        outcome = attempt(LULL_LEVEL_CRASH, NULL);
        ck_assert_int_eq(fake.terms.held, cases[i].longest > 0);
        ck_assert_ptr_eq(fake.terms.cancel, cancel);
        if (cases[i].longest) {
            ck_assert_int_ge(fake.terms.until, begun + cases[i].longest);
            ck_assert_int_le(fake.terms.until, lull_clock_boottime() + cases[i].longest);
        } else {
            ck_assert_int_eq(fake.terms.until, 0);
        }
    }
}
END_TEST

START_TEST(test_a_cut_without_a_freeze_is_waited_for_until_the_deadline)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    deadline = lull_clock_boottime() + LULL_SEC(3600);
    fake.agent = LULL_AGENT_NONE;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(!fake.terms.held);
    ck_assert_int_eq(fake.terms.until, deadline);
    deadline = 0;
}
END_TEST

START_TEST(test_whether_the_cuts_are_one_is_what_the_storage_says)
{
    g_autoptr(LullAttemptOutcome) one = attempt(LULL_LEVEL_FS, NULL);
    g_autoptr(LullAttemptOutcome) many = NULL;

    fake.separate_cuts = TRUE;
    many = attempt(LULL_LEVEL_FS, NULL);
    ck_assert(lull_json_bool(one->report, "atomic", FALSE));
    ck_assert(!lull_json_bool(many->report, "atomic", TRUE));
}
END_TEST

START_TEST(test_a_guest_that_could_not_be_frozen_is_not_cut_yet)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.refuse_freeze = TRUE;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "shpft");
    ck_assert(outcome->again && !outcome->reached && outcome->cut_time == 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "proofReason", ""), "refused");
}
END_TEST

START_TEST(test_a_guest_that_could_not_be_prepared_is_neither_frozen_nor_cut_yet)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.refuse_prepare = TRUE;
    outcome = attempt(_i ? LULL_LEVEL_FS : LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "shpt");
    ck_assert(outcome->again && !outcome->reached && outcome->cut_time == 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "none");
    ck_assert_str_eq(lull_json_string(outcome->report, "proofReason", ""), "vetoed");
}
END_TEST

START_TEST(test_a_machine_that_is_gone_is_an_error)
{
    g_autoptr(GError) error = NULL;

    fake.gone = TRUE;
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    ck_assert_str_eq(fake_story(), "");
}
END_TEST

/* That it has no agent is not known. */
START_TEST(test_a_guest_that_cannot_even_be_asked_is_not_said_to_have_no_agent)
{
    g_autoptr(GError) error = NULL;

    fake.refuse_hold = TRUE;
    ck_assert_ptr_null(attempt(_i ? LULL_LEVEL_FS : LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_LOST);
    ck_assert_str_eq(fake_story(), "sh");
}
END_TEST

static void
pause_guest(void)
{
    fake.state = LULL_VM_PAUSED;
}

static void
remove_guest(void)
{
    fake.gone = TRUE;
}

START_TEST(test_a_machine_is_looked_at_again_after_a_wait_for_storage)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.busy_storage = 1;
    fake.on_busy = pause_guest;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "ssc");
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
}
END_TEST

START_TEST(test_a_machine_that_goes_while_storage_is_waited_for_is_not_saved)
{
    g_autoptr(GError) error = NULL;

    fake.busy_storage = 1;
    fake.on_busy = remove_guest;
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    ck_assert_str_eq(fake_story(), "s");
}
END_TEST

static const struct {
    gboolean none, no_first, no_second;
    const char *story;
} blind[] = {
    {TRUE, FALSE, FALSE, "shpfct"},
    {FALSE, TRUE, FALSE, "shpf1c2t"},
    {FALSE, FALSE, TRUE, "shpf1c2t"},
};

START_TEST(test_a_reading_that_fails_stops_nothing_and_proves_nothing)
{
    g_autoptr(LullAttemptOutcome) ours = NULL;
    g_autoptr(LullAttemptOutcome) stock = NULL;
    g_autoptr(LullAttemptOutcome) strict = NULL;

    fake.refuse_witness = blind[_i].none;
    fake.refuse_first = blind[_i].no_first;
    fake.refuse_second = blind[_i].no_second;
    ours = attempt(LULL_LEVEL_FS, NULL);
    ck_assert_str_eq(fake_story(), blind[_i].story);
    ck_assert(ours->reached && ours->cut_time > 0);
    ck_assert_str_eq(lull_json_string(ours->report, "witness", ""), "none");
    ck_assert_str_eq(lull_json_string(ours->report, "proofBy", ""), "epoch");
    fake.agent = LULL_AGENT_STOCK;
    stock = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(stock->reached && stock->cut_time > 0);
    ck_assert_str_eq(lull_json_string(stock->report, "level", ""), "crash");
    ck_assert_str_eq(lull_json_string(stock->report, "proof", ""), "broken");
    strict = attempt(LULL_LEVEL_FS, NULL);
    ck_assert(!strict->reached && !strict->again);
}
END_TEST

START_TEST(test_an_end_that_the_guest_does_not_confirm_is_tried_again_later)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.unconfirmed = TRUE;
    fake.agent = _i ? LULL_AGENT_STOCK : LULL_AGENT_LULL;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(!outcome->reached && outcome->again);
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "broken");
    ck_assert_uint_eq(lull_intents_recover(intents, NULL, claims, LULL_SEC(10)), 0);
    ck_assert(!fake_is_frozen());
    ck_assert_uint_eq(count_intents(), 0);
}
END_TEST

START_TEST(test_cuts_at_once_where_there_is_nothing_to_freeze)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.refuse_freeze = fake.nothing = TRUE;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "shpftc");
    ck_assert(outcome->reached && !outcome->again);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
}
END_TEST

START_TEST(test_without_a_freeze_it_asks_nobody_and_tells_why_not)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;
    LullJson *earlier_told = NULL;

    earlier =
        json("{'attempt':2,'agent':'fake 1','level':'crash','proof':'broken','proofReason':'foreign thaw',"
             "'witness':'quiet','windowMs':3.5,'indications':['Online','QuiesceFailed','QuiesceTimeout']}");
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    g_clear_pointer(&earlier, lull_json_put);
    earlier_told = lull_json_object(outcome->report, "earlier");
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert(outcome->reached && !outcome->again);
    ck_assert_str_eq(lull_json_string(outcome->report, "agent", ""), "fake 1");
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "none");
    ck_assert_str_eq(lull_json_string(outcome->report, "proofReason", ""), "foreign thaw");
    ck_assert_str_eq(lull_json_to_line(lull_json_array(outcome->report, "indications")),
                     "[\"Online\",\"QuiesceFailed\",\"QuiesceTimeout\"]");
    ck_assert_int_eq(lull_json_int(earlier_told, "attempt", 0), 2);
    ck_assert_str_eq(lull_json_string(earlier_told, "proof", ""), "broken");
}
END_TEST

START_TEST(test_cuts_nothing_where_the_level_required_is_out_of_reach)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.agent = LULL_AGENT_NONE;
    outcome = attempt(LULL_LEVEL_FS, &error);
    ck_assert_no_error(error);
    ck_assert_str_eq(fake_story(), "sh");
    ck_assert(!outcome->reached && outcome->cut_time == 0);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "volumes")), 0);
}
END_TEST

START_TEST(test_a_hold_that_broke_does_not_count)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.break_hold = TRUE;
    outcome = attempt(_i ? LULL_LEVEL_FS : LULL_LEVEL_CRASH, NULL);
    ck_assert(!outcome->reached && outcome->again && outcome->cut_time > 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "broken");
}
END_TEST

START_TEST(test_a_noisy_witness_breaks_what_the_guest_calls_held)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.witness = LULL_WITNESS_NOISY;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
    ck_assert_str_eq(lull_json_string(outcome->report, "proofReason", ""), "noisy");
}
END_TEST

START_TEST(test_thaws_when_the_cut_fails)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.refuse_cut = TRUE;
    outcome = attempt(LULL_LEVEL_CRASH, &error);
    ck_assert(outcome->cut_failed && outcome->held && !outcome->reached && !outcome->report);
    ck_assert_str_eq(error->message, "no cut");
    ck_assert_str_eq(fake_story(), "shpf1ct");
}
END_TEST

START_TEST(test_begins_nothing_where_a_promised_volume_is_gone)
{
    g_autoptr(GError) error = NULL;

    promised = "vda,vdc";
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    promised = NULL;
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_msg(strstr(error->message, "\"vdc\"") != NULL, "%s", error->message);
    ck_assert_str_eq(fake_story(), "");
}
END_TEST

/* In a cluster, where claims are cut; one that only keeps firmware's state is no volume that an instance
 * lists. */
START_TEST(test_begins_nothing_where_a_promised_claim_is_none_of_the_machines_any_more)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    by_claim = TRUE;
    promised = "vda,vdc";
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_msg(strstr(error->message, "\"vdc\"") != NULL, "%s", error->message);
    ck_assert_str_eq(fake_story(), "");
    promised = "vda,persistent-state-for-larry";
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(outcome->reached);
    by_claim = FALSE;
    promised = NULL;
}
END_TEST

START_TEST(test_asks_nobody_to_hold_still_for_the_configuration_alone)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    promised = "";
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    promised = NULL;
    ck_assert(outcome->reached);
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "excluded")), 2);
}
END_TEST

START_TEST(test_asks_nobody_when_there_is_no_room)
{
    g_autoptr(GError) error = NULL;

    fake.refuse_storage = TRUE;
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_NO_SPACE);
    ck_assert_str_eq(fake_story(), "s");
}
END_TEST

static void
cancel_now(void)
{
    g_cancellable_cancel(cancel);
}

START_TEST(test_thaws_at_once_when_it_is_cancelled_while_frozen)
{
    g_autoptr(GError) error = NULL;

    fake.on_frozen = cancel_now;
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_str_eq(fake_story(), "shpft");
}
END_TEST

START_TEST(test_asks_a_guest_for_nothing_that_it_could_not_note_before)
{
    g_autoptr(GError) error = NULL;

    g_rmdir(dir);
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_str_eq(fake_story(), "sh");
}
END_TEST

START_TEST(test_asks_a_guest_for_nothing_that_the_disk_has_no_room_to_note)
{
    g_autoptr(GError) error = NULL;
    LullAttemptOutcome *outcome = NULL;

    fill_disk();
    outcome = attempt(LULL_LEVEL_CRASH, &error);
    ck_assert_ptr_null(outcome);
    ck_assert_ptr_nonnull(strstr(error->message, "so nothing is frozen"));
    ck_assert_str_eq(fake_story(), "sh");
    ck_assert_int_eq(g_rmdir(dir), 0); /* no part of it is left */
}
END_TEST

/* Whoever found only the first note would not dare to thaw it. */
START_TEST(test_a_stock_guest_is_not_frozen_where_that_cannot_be_noted)
{
    g_autoptr(GError) error = NULL;

    fake.agent = LULL_AGENT_STOCK;
    fake.on_prepared = fill_disk;
    ck_assert_ptr_null(attempt(_i ? LULL_LEVEL_FS : LULL_LEVEL_CRASH, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "so nothing is frozen"));
    ck_assert_str_eq(fake_story(), "shpt");
    ck_assert_int_eq(g_rmdir(dir), 0);
}
END_TEST

/* Replaces each note by what cannot be removed like one. */
static void
block_removal(void)
{
    g_autoptr(GPtrArray) list = lull_intents_list(intents);

    for (guint i = 0; i < list->len; i++) {
        g_autofree char *name = g_strconcat(((LullIntent *)list->pdata[i])->op, ".json", NULL);
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_unlink(path);
        g_mkdir(path, 0700);
    }
}

/* Directories among them. */
static void
drop_notes(void)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name = NULL;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        (void)g_remove(path);
    }
}

START_TEST(test_a_note_that_cannot_be_removed_changes_nothing_of_what_was_done)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.on_frozen = block_removal;
    outcome = attempt(LULL_LEVEL_FS, NULL);
    ck_assert(outcome->reached);
    ck_assert_str_eq(fake_story(), "shpf1c2t");
    drop_notes();
}
END_TEST

START_TEST(test_a_paused_guest_is_left_in_peace)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.state = LULL_VM_PAUSED;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert(outcome->reached);
}
END_TEST

START_TEST(test_what_came_later_than_the_promise_is_left_out_and_told)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;
    LullJson *rows = NULL;

    promised = "vda";
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "volumes")), 1);
    rows = lull_json_array(outcome->report, "excluded");
    ck_assert_uint_eq(json_object_array_length(rows), 1);
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(rows, 0), "name", ""), "vdb");
}
END_TEST

static const struct {
    const char *exclude;
    const char *reason;
} tpms[] = {
    {NULL, "apart"},
    {"persistent-state-for-larry", "left out by the snapshot's annotation"},
};

START_TEST(test_what_a_tpm_holds_is_told_to_be_left_out)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;
    LullJson *rows = NULL;
    LullJson *row = NULL;

    fake.tpm = "kept apart";
    promised = "vda,vdb";
    excluded = tpms[_i].exclude;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    rows = lull_json_array(outcome->report, "excluded");
    row = json_object_array_get_idx(rows, 0);
    ck_assert_uint_eq(json_object_array_length(rows), 1);
    ck_assert_str_eq(lull_json_string(row, "name", ""), "persistent-state-for-larry");
    ck_assert_ptr_nonnull(strstr(lull_json_string(row, "reason", ""), tpms[_i].reason));
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "volumes")), 2);
}
END_TEST

START_TEST(test_a_tpm_that_is_not_there_cannot_be_left_out)
{
    g_autoptr(GError) error = NULL;

    excluded = "persistent-state-for-larry";
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(test_a_guest_that_lost_its_power_is_crash_consistent)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.state = LULL_VM_STOPPED;
    fake.end = LULL_VM_END_DESTROYED;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert(outcome->reached && outcome->cut_time > 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
    ck_assert_ptr_nonnull(strstr(lull_json_string(outcome->report, "proofReason", ""), "power was cut"));
}
END_TEST

START_TEST(test_a_guest_that_lost_its_power_is_not_cut_for_more)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.state = LULL_VM_STOPPED;
    fake.end = LULL_VM_END_CRASHED;
    outcome = attempt(LULL_LEVEL_FS, NULL);
    ck_assert_str_eq(fake_story(), "s");
    ck_assert(!outcome->reached && !outcome->again && !outcome->cut_time);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
}
END_TEST

/* Whatever the attempts before it saw: only how it is now counts. */
START_TEST(test_a_guest_that_ran_for_an_earlier_attempt_is_what_it_is_now)
{
    g_autoptr(LullAttemptOutcome) lost = NULL;
    g_autoptr(LullAttemptOutcome) off = NULL;

    earlier =
        json("{'proofReason':'foreign thaw','indications':['Online','QuiesceFailed','QuiesceTimeout']}");
    fake.state = LULL_VM_STOPPED;
    fake.end = LULL_VM_END_CRASHED;
    lost = attempt(LULL_LEVEL_CRASH, NULL);
    fake.end = LULL_VM_END_SHUTDOWN;
    off = attempt(LULL_LEVEL_CRASH, NULL);
    g_clear_pointer(&earlier, lull_json_put);

    ck_assert(lost->reached && off->reached);
    ck_assert_str_eq(lull_json_string(lost->report, "level", ""), "crash");
    ck_assert_ptr_nonnull(strstr(lull_json_string(lost->report, "proofReason", ""), "its process died"));
    ck_assert_str_eq(lull_json_string(off->report, "level", ""), "stopped");
}
END_TEST

START_TEST(test_a_stopped_guest_is_as_good_as_can_be)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.state = LULL_VM_STOPPED;
    fake.end = LULL_VM_END_SHUTDOWN;
    outcome = attempt(LULL_LEVEL_APP, NULL);
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert(outcome->reached && outcome->cut_time > 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "stopped");
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "none");
}
END_TEST

static void
lose_notes(void)
{
    g_rmdir(dir);
}

static void
refuse_storage(void)
{
    fake.refuse_storage = TRUE;
}

static void
refuse_hold(void)
{
    fake.refuse_hold = TRUE;
}

static void
refuse_prepare(void)
{
    fake.refuse_prepare = TRUE;
}

static void
refuse_mark(void)
{
    fake.agent = LULL_AGENT_STOCK;
    fake.on_prepared = fill_disk;
}

static void
refuse_freeze(void)
{
    fake.refuse_freeze = TRUE;
}

static void
refuse_first(void)
{
    fake.refuse_first = TRUE;
}

static void
refuse_second(void)
{
    fake.refuse_second = TRUE;
}

static void
refuse_cut(void)
{
    fake.refuse_cut = TRUE;
}

static void
refuse_thaw(void)
{
    fake.unconfirmed = TRUE;
}

static void
refuse_removal(void)
{
    fake.on_frozen = block_removal;
}

/* How each verb of an attempt fails, and what may be claimed then. One without a row is a failure. */
static const struct {
    void (*spoil)(void);
    const char *story;
    gboolean held;
} efforts[LULL_ATTEMPT_N] = {
    [LULL_ATTEMPT_END] = {NULL, "shpf1c2t", TRUE}, /* it does nothing */
    [LULL_ATTEMPT_PREPARE_STORAGE] = {refuse_storage, "s", FALSE},
    [LULL_ATTEMPT_PROBE] = {refuse_hold, "sh", FALSE},
    [LULL_ATTEMPT_WRITE_INTENT] = {lose_notes, "sh", FALSE},
    [LULL_ATTEMPT_PREPARE_GUEST] = {refuse_prepare, "shpt", FALSE},
    [LULL_ATTEMPT_MARK_INTENT] = {refuse_mark, "shpt", FALSE},
    [LULL_ATTEMPT_FREEZE] = {refuse_freeze, "shpft", FALSE},
    [LULL_ATTEMPT_WITNESS_FIRST] = {refuse_first, "shpf1c2t", TRUE},
    [LULL_ATTEMPT_CUT] = {refuse_cut, "shpf1ct", FALSE},
    [LULL_ATTEMPT_WITNESS_SECOND] = {refuse_second, "shpf1c2t", TRUE},
    [LULL_ATTEMPT_THAW] = {refuse_thaw, "shpf1c2t", FALSE},
    [LULL_ATTEMPT_REMOVE_INTENT] = {refuse_removal, "shpf1c2t", TRUE},
};

START_TEST(test_whatever_fails_the_guest_is_let_go_and_nothing_is_claimed_that_was_not_had)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    ck_assert_ptr_nonnull(efforts[_i].story);
    if (efforts[_i].spoil)
        efforts[_i].spoil();
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), efforts[_i].story);
    ck_assert_int_eq(g_strcmp0(outcome ? lull_json_string(outcome->report, "proof", "") : "", "held") == 0,
                     efforts[_i].held);
    drop_notes();
}
END_TEST

/* What is told */

static char *told; /* the line of the last attempt */

static GLogWriterOutput
keep_line(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE") && g_str_has_prefix(fields[i].value, "attempt:")) {
            g_free(told);
            told = g_strdup(fields[i].value);
        }
    return G_LOG_WRITER_HANDLED;
}

static gboolean
figures_have(const char *line)
{
    GString *text = lull_metrics_text(metrics);
    const gboolean found = strstr(text->str, line) != NULL;

    g_string_free(text, TRUE);
    return found;
}

static void
note_frozen(void)
{
    ck_assert(figures_have("\nlull_frozen_guests 1\n"));
}

START_TEST(test_an_attempt_is_counted_while_it_holds_and_told_when_it_is_over)
{
    static const char *const parts[] = {
        "attempt: vm=larry ",
        " snapshot=\"\" attempt=1 op=",
        " result=quiesced level=fs proof=held proof-by=epoch witness=quiet agent=lull ",
        " cuts=vda:",
        " steps=prepare-storage:",
        ",probe:",
        ",write-intent:",
        ",prepare-guest:",
        ",freeze:",
        ",witness-first:",
        ",cut:",
        ",witness-second:",
        ",thaw:",
        ",remove-intent:"};
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    metrics = lull_metrics_new();
    fake.on_frozen = note_frozen;
    g_log_set_writer_func(keep_line, NULL, NULL);
    outcome = attempt(LULL_LEVEL_FS, NULL);
    ck_assert(figures_have("\nlull_frozen_guests 0\n"));
    ck_assert(figures_have("\nlull_attempts_total{result=\"quiesced\"} 1\n"));
    ck_assert(figures_have("\nlull_cuts_total{level=\"fs\",proof=\"held\",witness=\"quiet\"} 1\n"));
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        ck_assert_msg(strstr(told, parts[i]) != NULL, "no \"%s\" in: %s", parts[i], told);
    g_clear_pointer(&metrics, lull_metrics_free);
    g_clear_pointer(&told, g_free);
}
END_TEST

START_TEST(test_one_that_is_refused_or_comes_to_nothing_is_told_too)
{
    g_autoptr(LullAttemptOutcome) failed = NULL;
    g_autoptr(LullAttemptOutcome) unfrozen = NULL;

    metrics = lull_metrics_new();
    g_log_set_writer_func(keep_line, NULL, NULL);
    fake.refuse_freeze = TRUE;
    unfrozen = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_ptr_nonnull(strstr(told, " result=not_quiesced level=crash proof=none "));
    ck_assert_ptr_nonnull(strstr(told, " why=refused"));
    ck_assert(figures_have("\nlull_quiesce_failures_total{reason=\"not_frozen\"} 1\n"));
    fake.refuse_freeze = FALSE;
    fake.refuse_storage = TRUE;
    failed = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_ptr_nonnull(strstr(told, " result=failed level=none proof=none "));
    ck_assert_ptr_nonnull(strstr(told, " why=full"));
    ck_assert(figures_have("\nlull_attempts_total{result=\"failed\"} 1\n"));
    ck_assert(figures_have("\nlull_frozen_guests 0\n"));
    g_clear_pointer(&metrics, lull_metrics_free);
    g_clear_pointer(&told, g_free);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("attempt");
    TCase *tcase = tcase_create("attempt");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_holds_cuts_and_tells);
    tcase_add_test(tcase, test_a_cut_is_not_waited_for_longer_than_the_guest_is_kept);
    tcase_add_test(tcase, test_a_cut_without_a_freeze_is_waited_for_until_the_deadline);
    tcase_add_test(tcase, test_whether_the_cuts_are_one_is_what_the_storage_says);
    tcase_add_test(tcase, test_a_guest_that_could_not_be_frozen_is_not_cut_yet);
    tcase_add_loop_test(tcase, test_a_guest_that_could_not_be_prepared_is_neither_frozen_nor_cut_yet, 0, 2);
    tcase_add_test(tcase, test_a_machine_that_is_gone_is_an_error);
    tcase_add_test(tcase, test_a_machine_is_looked_at_again_after_a_wait_for_storage);
    tcase_add_test(tcase, test_a_machine_that_goes_while_storage_is_waited_for_is_not_saved);
    tcase_add_loop_test(tcase, test_a_guest_that_cannot_even_be_asked_is_not_said_to_have_no_agent, 0, 2);
    tcase_add_loop_test(tcase, test_a_reading_that_fails_stops_nothing_and_proves_nothing, 0,
                        G_N_ELEMENTS(blind));
    tcase_add_loop_test(tcase, test_an_end_that_the_guest_does_not_confirm_is_tried_again_later, 0, 2);
    tcase_add_test(tcase, test_cuts_at_once_where_there_is_nothing_to_freeze);
    tcase_add_test(tcase, test_without_a_freeze_it_asks_nobody_and_tells_why_not);
    tcase_add_test(tcase, test_cuts_nothing_where_the_level_required_is_out_of_reach);
    tcase_add_loop_test(tcase, test_a_hold_that_broke_does_not_count, 0, 2);
    tcase_add_test(tcase, test_a_noisy_witness_breaks_what_the_guest_calls_held);
    tcase_add_test(tcase, test_begins_nothing_where_a_promised_volume_is_gone);
    tcase_add_test(tcase, test_begins_nothing_where_a_promised_claim_is_none_of_the_machines_any_more);
    tcase_add_test(tcase, test_thaws_when_the_cut_fails);
    tcase_add_test(tcase, test_asks_nobody_to_hold_still_for_the_configuration_alone);
    tcase_add_test(tcase, test_asks_nobody_when_there_is_no_room);
    tcase_add_test(tcase, test_thaws_at_once_when_it_is_cancelled_while_frozen);
    tcase_add_test(tcase, test_asks_a_guest_for_nothing_that_it_could_not_note_before);
    tcase_add_test(tcase, test_asks_a_guest_for_nothing_that_the_disk_has_no_room_to_note);
    tcase_add_loop_test(tcase, test_a_stock_guest_is_not_frozen_where_that_cannot_be_noted, 0, 2);
    tcase_add_test(tcase, test_a_note_that_cannot_be_removed_changes_nothing_of_what_was_done);
    tcase_add_test(tcase, test_a_paused_guest_is_left_in_peace);
    tcase_add_test(tcase, test_what_came_later_than_the_promise_is_left_out_and_told);
    tcase_add_loop_test(tcase, test_what_a_tpm_holds_is_told_to_be_left_out, 0, G_N_ELEMENTS(tpms));
    tcase_add_test(tcase, test_a_tpm_that_is_not_there_cannot_be_left_out);
    tcase_add_test(tcase, test_a_guest_that_lost_its_power_is_crash_consistent);
    tcase_add_test(tcase, test_a_guest_that_lost_its_power_is_not_cut_for_more);
    tcase_add_test(tcase, test_a_guest_that_ran_for_an_earlier_attempt_is_what_it_is_now);
    tcase_add_test(tcase, test_a_stopped_guest_is_as_good_as_can_be);
    tcase_add_loop_test(tcase,
                        test_whatever_fails_the_guest_is_let_go_and_nothing_is_claimed_that_was_not_had, 0,
                        LULL_ATTEMPT_N);
    tcase_add_test(tcase, test_an_attempt_is_counted_while_it_holds_and_told_when_it_is_over);
    tcase_add_test(tcase, test_one_that_is_refused_or_comes_to_nothing_is_told_too);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
