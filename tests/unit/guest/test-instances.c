/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/instances.h"

#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define POD   "11111111-aaaa-4000-8000-000000000001"
#define OTHER "22222222-bbbb-4000-8000-000000000002"

/* What the machine with the uid vm-1 runs as. */
#define INSTANCE(uid, status)                                                                          \
    "{'metadata':{'name':'larry','namespace':'shop','uid':'" uid "','ownerReferences':[{'apiVersion':" \
    "'kubevirt.io/v1','kind':'VirtualMachine','name':'larry','uid':'vm-1','controller':true}]},"       \
    "'status':{'phase':'Running','nodeName':'node-a'," status "}}"
#define RUNS INSTANCE("vmi-1", "'activePods':{'" POD "':'node-a'}")
#define MIGRATES \
    INSTANCE("vmi-1", "'activePods':{'" POD "':'node-a'},'migrationState':{'startTimestamp':'x'}")
#define RESTARTED INSTANCE("vmi-2", "'activePods':{'" OTHER "':'node-a'}")

static LullInstances *instances;
static GCancellable *over;
static LullStay *stay;

static void
set_up(void)
{
    instances = lull_instances_new("node-a");
    over = g_cancellable_new();
    stay = NULL;
}

static void
tear_down(void)
{
    g_clear_pointer(&stay, lull_stay_end);
    g_clear_pointer(&instances, lull_instances_free);
    g_clear_object(&over);
}

static void
hear(LullWatchType type, const char *text)
{
    g_autoptr(LullJson) instance = json(text);

    lull_instances_hear(instances, type, instance);
}

static void
hear_all(const char *text)
{
    g_autoptr(LullJson) all = json(text);

    lull_instances_hear_all(instances, all);
}

static void
must_stay(gboolean stays)
{
    ck_assert_int_eq(lull_stay_broken(stay) == NULL, stays);
    ck_assert_int_eq(!g_cancellable_is_cancelled(over), stays);
}

START_TEST(who_holds_one_is_told_when_it_begins_to_migrate)
{
    hear(LULL_WATCH_ADDED, RUNS);
    stay = lull_instances_watch(instances, "vm-1", POD, over);
    hear(LULL_WATCH_MODIFIED, RUNS);
    hear(LULL_WATCH_BOOKMARK, MIGRATES);
    must_stay(TRUE);
    hear(LULL_WATCH_MODIFIED, MIGRATES);
    must_stay(FALSE);
    ck_assert_str_eq(lull_stay_broken(stay), "it migrates to another node");
}
END_TEST

START_TEST(the_first_reason_stands)
{
    hear(LULL_WATCH_ADDED, MIGRATES);
    stay = lull_instances_watch(instances, "vm-1", POD, over);
    hear(LULL_WATCH_DELETED, MIGRATES);
    ck_assert_str_eq(lull_stay_broken(stay), "it migrates to another node");
}
END_TEST

START_TEST(one_that_has_left_before_is_told_of_at_once)
{
    stay = lull_instances_watch(instances, "vm-1", POD, over);
    must_stay(FALSE);
}
END_TEST

START_TEST(one_that_is_gone_has_left)
{
    hear(LULL_WATCH_ADDED, RUNS);
    stay = lull_instances_watch(instances, "vm-1", POD, over);
    hear(LULL_WATCH_DELETED, RUNS);
    must_stay(FALSE);
}
END_TEST

START_TEST(one_that_went_while_nobody_listened_has_left)
{
    hear(LULL_WATCH_ADDED, RUNS);
    stay = lull_instances_watch(instances, "vm-1", POD, over);
    hear_all("[" RUNS "]");
    must_stay(TRUE);
    hear_all("[" RESTARTED "]");
    must_stay(FALSE);
}
END_TEST

START_TEST(who_does_not_hold_it_any_more_is_told_nothing)
{
    hear(LULL_WATCH_ADDED, RUNS);
    lull_stay_end(lull_instances_watch(instances, "vm-1", POD, over));
    hear(LULL_WATCH_MODIFIED, MIGRATES);
    ck_assert(!g_cancellable_is_cancelled(over));
}
END_TEST

static void
watch_another(GCancellable *cancelled, gpointer user_data)
{
    lull_stay_end(lull_instances_watch(instances, "vm-1", POD, user_data));
}

START_TEST(who_is_told_may_ask_again)
{
    g_autoptr(GCancellable) another = g_cancellable_new();

    hear(LULL_WATCH_ADDED, RUNS);
    stay = lull_instances_watch(instances, "vm-1", POD, over);
    (void)g_cancellable_connect(over, G_CALLBACK(watch_another), another, NULL);
    hear(LULL_WATCH_MODIFIED, MIGRATES);
    ck_assert(g_cancellable_is_cancelled(another));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/instances");
    TCase *tests = tcase_create("instances");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, who_holds_one_is_told_when_it_begins_to_migrate);
    tcase_add_test(tests, the_first_reason_stands);
    tcase_add_test(tests, one_that_has_left_before_is_told_of_at_once);
    tcase_add_test(tests, one_that_is_gone_has_left);
    tcase_add_test(tests, one_that_went_while_nobody_listened_has_left);
    tcase_add_test(tests, who_does_not_hold_it_any_more_is_told_nothing);
    tcase_add_test(tests, who_is_told_may_ask_again);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
