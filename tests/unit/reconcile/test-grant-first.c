/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/grant-effects.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/cases.h"

/* The first attempt is granted by the write that makes the content. */

static gboolean
leads(gpointer leader, gint64 *ret_term)
{
    const gint64 *term = leader;

    *ret_term = *term;
    return *term > 0;
}

static const struct {
    const char *vm;
    gint64 term; /* 0: it does not lead */
    const char *node;
} machines[] = {
    {"{'status':{'nodeName':'node-b'}}", 7, "node-b"},
    {"{'status':{}}", 7, "ours"}, /* it is off */
    {"{}", 7, "ours"},
    {"{'status':{'nodeName':''}}", 7, NULL}, /* it moves */
    {"{'status':{'nodeName':'node-b'}}", 0, NULL},
};

START_TEST(test_it_goes_to_where_the_machine_is_and_from_a_leader)
{
    gint64 term = machines[_i].term;
    LullGrants grants = {.node = "ours", .leads = leads, .leader = &term};
    g_autoptr(LullJson) vm = json(machines[_i].vm);
    g_autoptr(LullGrant) grant = lull_grants_first(&grants, vm);

    if (!machines[_i].node) {
        ck_assert_ptr_null(grant);
        return;
    }
    ck_assert_str_eq(grant->node, machines[_i].node);
    ck_assert_uint_eq(grant->attempt, 1);
    ck_assert_int_eq(grant->term, machines[_i].term);
    ck_assert_int_eq(grant->valid_for, LULL_GRANT_VALID);
}
END_TEST

static gboolean
complete(gpointer user_data, LullJson *vm, GError **error)
{
    return TRUE;
}

static LullGrant *
to_node_b(gpointer granter, LullJson *vm)
{
    LullGrant *grant = g_new0(LullGrant, 1);

    *grant = (LullGrant){3, 1, g_strdup("node-b"), LULL_GRANT_VALID};
    return grant;
}

static LullGrant *
to_nobody(gpointer granter, LullJson *vm)
{
    return NULL;
}

/* Whether the answer to its making is lost or not. */
START_TEST(test_a_content_comes_into_being_with_it)
{
    const LullSnapshotSource source = {
        .complete = complete, .node = "node-a", .grant = _i == 0 ? to_nobody : to_node_b};
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullGrant) grant = NULL;
    g_autoptr(GError) error = NULL;
    LullPass pass = {0};

    world_init(&world, 1);
    world.snapshots.source = &source;
    world_take(&world, SNAP, "", ",'failureDeadline':0");
    while (!(content = world_content(&world))) {
        world.flaky.countdown = _i == 2 && world_is_locked(&world) ? 2 : 0;
        (void)lull_snapshot_pass(&world.snapshots, NS, SNAP, &pass, NULL);
    }
    world.flaky.countdown = 0;
    grant = lull_grant_of(content);
    ck_assert_str_eq(lull_grant_label(content), _i == 0 ? "node-a" : "node-b");
    ck_assert_int_eq(grant != NULL, _i != 0);
    ck_assert(!grant || (grant->term == 3 && grant->attempt == 1 && g_str_equal(grant->node, "node-b")));
    ck_assert(lull_snapshot_pass(&world.snapshots, NS, SNAP, &pass, &error));
    ck_assert_no_error(error);
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("grant-first");
    TCase *tcase = tcase_create("grant-first");

    world_use_memory();
    tcase_add_loop_test(tcase, test_it_goes_to_where_the_machine_is_and_from_a_leader, 0,
                        G_N_ELEMENTS(machines));
    tcase_add_loop_test(tcase, test_a_content_comes_into_being_with_it, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
