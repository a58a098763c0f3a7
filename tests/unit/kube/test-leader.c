/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/leader.h"

#include <glib/gstdio.h>

#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define DEADLINE LULL_SEC(60)

/* Long enough that a busy machine does not make a leader late. */
static const LullElectionTuning tuning = {
    .duration = LULL_SEC(15), .deadline = LULL_SEC(10), .retry = LULL_MSEC(20)};

static char *dir;
static LullStore *store;
static int leading; /* how many were told so; atomic */
static int fallen;  /* how often somebody was told that he leads no more; atomic */

static void
setup(void)
{
    dir = g_dir_make_tmp("lull-leader-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "store.db", NULL);
    store = lull_store_local_open(path, NULL);
    ck_assert_ptr_nonnull(store);
    g_atomic_int_set(&leading, 0);
    g_atomic_int_set(&fallen, 0);
}

static void
teardown(void)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name;

    g_clear_pointer(&store, lull_store_free);
    while ((name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        (void)g_remove(path);
    }
    (void)g_rmdir(dir);
    g_clear_pointer(&dir, g_free);
}

static void
on_change(gboolean leads, gint64 term, gpointer user_data)
{
    (void)g_atomic_int_add(&leading, leads ? 1 : -1);
    (void)g_atomic_int_add(&fallen, leads ? 0 : 1);
}

static LullLeader *
candidate(const char *identity)
{
    const LullLeaderOptions options = {"default", "lull", identity, &tuning};

    return lull_leader_new(store, &options, on_change, NULL);
}

static void
wait_for_lead(LullLeader *leader)
{
    const gint64 end = lull_clock_boottime() + DEADLINE;

    while (!lull_leader_leads(leader, NULL)) {
        ck_assert_int_lt(lull_clock_boottime(), end);
        g_usleep(1000);
    }
}

static char *
holder(void)
{
    g_autoptr(LullJson) lease = lull_store_get(store, &lull_kind_lease, "default", "lull", NULL);

    return g_strdup(lull_json_string(lull_json_object(lease, "spec"), "holderIdentity", NULL));
}

/* A candidate looks as often as the leader renews. */
static void
wait_for_renewals(guint n)
{
    const gint64 end = lull_clock_boottime() + DEADLINE;
    g_autofree char *seen = NULL;

    for (guint renewed = 0; renewed <= n;) {
        g_autoptr(LullJson) lease = lull_store_get(store, &lull_kind_lease, "default", "lull", NULL);
        const char *version = lull_json_string(lull_json_object(lease, "metadata"), "resourceVersion", "");

        renewed += g_strcmp0(version, seen) != 0;
        g_free(seen);
        seen = g_strdup(version);
        ck_assert_int_lt(lull_clock_boottime(), end);
        g_usleep(1000);
    }
}

START_TEST(one_leads_and_hands_over_when_it_ends)
{
    g_autoptr(LullLeader) first = candidate("first");
    gint64 first_term = 0, second_term = 0;

    wait_for_lead(first);
    g_autoptr(LullLeader) second = candidate("second");
    wait_for_renewals(5);
    ck_assert(!lull_leader_leads(second, NULL));
    ck_assert(lull_leader_leads(first, &first_term));
    g_clear_pointer(&first, lull_leader_free);
    wait_for_lead(second);
    ck_assert(lull_leader_leads(second, &second_term));
    ck_assert_int_gt(second_term, first_term);
    g_autofree char *name = holder();
    ck_assert_str_eq(name, "second");
    g_clear_pointer(&second, lull_leader_free);
    g_autofree char *nobody = holder();
    ck_assert_str_eq(nobody, "");
    ck_assert_int_eq(g_atomic_int_get(&leading), 0);
}
END_TEST

START_TEST(a_leader_whose_lease_was_taken_from_it_leads_no_more)
{
    g_autoptr(LullLeader) first = candidate("first");
    const gint64 end = lull_clock_boottime() + DEADLINE;
    g_autoptr(LullJson) taken = json("{'spec':{'holderIdentity':'somebody'}}");

    wait_for_lead(first);
    json_object_put(
        lull_store_patch(store, &lull_kind_lease, "default", "lull", LULL_PATCH_OBJECT, taken, NULL));
    while (lull_leader_leads(first, NULL)) {
        ck_assert_int_lt(lull_clock_boottime(), end);
        g_usleep(1000);
    }
    g_clear_pointer(&first, lull_leader_free);
    g_autofree char *name = holder();
    ck_assert_str_eq(name, "somebody");
    ck_assert_int_eq(g_atomic_int_get(&leading), 0);
}
END_TEST

/* A store that answers a patch only when it may. */
typedef struct {
    LullStore base;
    int held;        /* atomic */
    int waiting;     /* somebody waits for an answer; atomic */
    gint64 patience; /* as it was asked for */
} Slow;

static LullJson *
slow_get(LullStore *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    return lull_store_get(store, kind, ns, name, error);
}

static LullJson *
slow_create(LullStore *self, const LullKind *kind, LullJson *object, GError **error)
{
    return lull_store_create(store, kind, object, error);
}

static LullJson *
slow_patch(LullStore *base, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
           LullJson *patch, GError **error)
{
    Slow *self = (Slow *)base;
    LullJson *patched = lull_store_patch(store, kind, ns, name, target, patch, error);

    for (g_atomic_int_set(&self->waiting, 1); g_atomic_int_get(&self->held);)
        g_usleep(1000);
    return patched;
}

static void
slow_limit_patience(LullStore *base, gint64 patience)
{
    ((Slow *)base)->patience = patience;
}

static const LullStoreOps slow_ops = {
    .get = slow_get, .create = slow_create, .patch = slow_patch, .limit_patience = slow_limit_patience};

START_TEST(a_leader_whose_renewal_came_too_late_says_that_it_fell)
{
    static const LullElectionTuning late = {
        .duration = LULL_SEC(15), .deadline = LULL_MSEC(500), .retry = LULL_MSEC(450)};
    const LullLeaderOptions options = {"default", "lull", "late", &late};
    Slow slow = {.base.ops = &slow_ops, .held = TRUE};
    g_autoptr(LullLeader) leader = lull_leader_new(&slow.base, &options, on_change, NULL);

    wait_for_lead(leader);
    while (!g_atomic_int_get(&slow.waiting) || lull_leader_leads(leader, NULL))
        g_usleep(1000);
    g_atomic_int_set(&slow.held, FALSE);
    wait_for_lead(leader);
    ck_assert_int_ge(g_atomic_int_get(&fallen), 1);
    g_clear_pointer(&leader, lull_leader_free);
}
END_TEST

START_TEST(no_call_may_last_until_the_deadline)
{
    const LullLeaderOptions options = {"default", "lull", "quick", &tuning};
    Slow slow = {.base.ops = &slow_ops};
    g_autoptr(LullLeader) leader = lull_leader_new(&slow.base, &options, on_change, NULL);

    ck_assert_int_gt(slow.patience, 0);
    ck_assert_int_le(slow.patience, tuning.deadline / 3);
}
END_TEST

START_TEST(of_many_never_two_lead)
{
    LullLeader *leaders[8];

    for (guint i = 0; i < G_N_ELEMENTS(leaders); i++) {
        g_autofree char *identity = g_strdup_printf("candidate-%u", i);
        leaders[i] = candidate(identity);
    }
    for (guint done = 0; done < G_N_ELEMENTS(leaders);) {
        guint count = 0, leader = 0;
        for (guint i = 0; i < G_N_ELEMENTS(leaders); i++)
            if (leaders[i] && lull_leader_leads(leaders[i], NULL)) {
                count++;
                leader = i;
            }
        ck_assert_uint_le(count, 1);
        if (count == 1) {
            g_clear_pointer(&leaders[leader], lull_leader_free);
            done++;
        }
        g_usleep(1000);
    }
    ck_assert_int_eq(g_atomic_int_get(&leading), 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("leader");
    TCase *tcase = tcase_create("all");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_leads_and_hands_over_when_it_ends);
    tcase_add_test(tcase, a_leader_whose_lease_was_taken_from_it_leads_no_more);
    tcase_add_test(tcase, a_leader_whose_renewal_came_too_late_says_that_it_fell);
    tcase_add_test(tcase, no_call_may_last_until_the_deadline);
    tcase_add_test(tcase, of_many_never_two_lead);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
