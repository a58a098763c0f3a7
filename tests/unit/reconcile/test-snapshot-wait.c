/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/snapshot-view.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define CREATED "2026-03-01T10:00:00Z"
#define ON_NODE "'labels':{'lull.dev/node':'node-b'},"

#define ABSENT  "node \"node-b\" does not begin what is granted to it: see that the coordinator there is ready"
#define NOWHERE "the machine is starting, or on its way to another node: nothing is begun before it is there"

static LullJson *
content(const char *labels, const char *grant, const char *attempt)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'vmsnapshot-content-u1','namespace':'default','uid':'c1',%s'annotations':{}},"
        "'spec':{'virtualMachineSnapshotName':'snap'}}",
        labels);
    LullJson *object = json(text);
    LullJson *annotations = lull_json_at(object, "metadata", "annotations", NULL);

    if (grant)
        lull_json_set_string(annotations, "lull.dev/grant", grant);
    if (attempt)
        lull_json_set_string(annotations, "lull.dev/attempt", attempt);
    return object;
}

/* Seen @seconds after it was made, with @status, which is consumed. */
static LullSnapshotView *
seen(LullJson *of, LullJson *status, int seconds)
{
    LullJson *snapshot =
        json("{'metadata':{'name':'snap','namespace':'default','uid':'u1','creationTimestamp':'" CREATED
             "','finalizers':['snapshot.kubevirt.io/vmsnapshot-protection']},"
             "'spec':{'source':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':'larry'}}}");
    LullJson *vm = json("{'metadata':{'name':'larry','namespace':'default','uid':'v1'},'spec':{},"
                        "'status':{'snapshotInProgress':'snap'}}");
    gint64 created = 0;

    lull_clock_parse(CREATED, &created);
    if (status)
        lull_json_take(snapshot, "status", status);
    return lull_snapshot_view_new(snapshot, of, vm, created + LULL_SEC(seconds));
}

static const char *
error_of(const LullSnapshotView *view)
{
    return lull_json_string(lull_json_object(view->status, "error"), "message", "");
}

#define GRANT(number, more) \
    "{\"term\":1,\"attempt\":" #number ",\"node\":\"node-b\",\"validForMs\":30000" more "}"
#define AGAIN        ",\"again\":true"
#define STAGE(stage) "{\"stage\":\"" stage "\",\"number\":1}"

static const struct {
    const char *labels, *grant, *attempt, *told;
} waits[] = {
    {ON_NODE, GRANT(1, ""), NULL, ""},
    {ON_NODE, GRANT(2, ""), NULL, ""}, /* the machine moved before anybody could begin */
    {ON_NODE, GRANT(2, AGAIN), NULL, ABSENT},
    {ON_NODE, GRANT(2, AGAIN), STAGE("begun"), ""},
    {ON_NODE, GRANT(1, AGAIN), STAGE("failed"), ""},
    {ON_NODE, GRANT(3, AGAIN), STAGE("failed"), ABSENT},
    {ON_NODE, NULL, NULL, NOWHERE},
    {ON_NODE, "{\"attempt\":1}", NULL, NOWHERE},
    {ON_NODE, "{\"attempt\":1}", STAGE("failed"), ""}, /* the attempt tells its own error */
    {"", NULL, NULL, ""},                              /* of a plain host */
};

START_TEST(a_wait_for_a_node_is_told)
{
    g_autoptr(LullSnapshotView) view =
        seen(content(waits[_i].labels, waits[_i].grant, waits[_i].attempt), NULL, 100);

    ck_assert_str_eq(error_of(view), waits[_i].told);
    ck_assert(!view->failed);
}
END_TEST

START_TEST(a_wait_is_told_once_and_goes_when_it_is_over)
{
    g_autoptr(LullSnapshotView) first = seen(content(ON_NODE, GRANT(2, AGAIN), NULL), NULL, 100);
    g_autoptr(LullSnapshotView) later =
        seen(content(ON_NODE, GRANT(3, AGAIN), NULL), lull_json_dup(first->status), 200);
    g_autoptr(LullSnapshotView) over =
        seen(content(ON_NODE, GRANT(3, AGAIN), "{\"stage\":\"begun\",\"number\":3}"),
             lull_json_dup(first->status), 201);

    ck_assert(first->status_stale && !later->status_stale && over->status_stale);
    ck_assert_ptr_null(lull_json_object(over->status, "error"));
}
END_TEST

START_TEST(one_that_is_out_of_time_says_what_it_waited_for)
{
    g_autoptr(LullSnapshotView) waiting = seen(content(ON_NODE, GRANT(2, AGAIN), NULL), NULL, 100);
    g_autoptr(LullSnapshotView) late =
        seen(content(ON_NODE, GRANT(4, AGAIN), NULL), lull_json_dup(waiting->status), 301);

    ck_assert(late->failed);
    ck_assert_str_eq(error_of(late), ABSENT);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("snapshot-wait");
    TCase *tcase = tcase_create("snapshot-wait");

    tcase_add_loop_test(tcase, a_wait_for_a_node_is_told, 0, G_N_ELEMENTS(waits));
    tcase_add_test(tcase, a_wait_is_told_once_and_goes_when_it_is_over);
    tcase_add_test(tcase, one_that_is_out_of_time_says_what_it_waited_for);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
