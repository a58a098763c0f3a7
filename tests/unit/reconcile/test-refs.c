/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-effects.h"
#include "coordinator/reconcile/content-state.h"
#include "coordinator/reconcile/grant-effects.h"
#include "coordinator/reconcile/restore-effects.h"
#include "coordinator/reconcile/snapshot-effects.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* What is looked at because something else has changed: nothing for which that means nothing. */

static const struct {
    const char *phase;
    const char *refs;
} snapshots[] = {
    {"", "virtualmachinesnapshotcontents/default/vmsnapshot-content-u1 virtualmachines/default/larry"},
    {"InProgress",
     "virtualmachinesnapshotcontents/default/vmsnapshot-content-u1 virtualmachines/default/larry"},
    {"Deleting",
     "virtualmachinesnapshotcontents/default/vmsnapshot-content-u1 virtualmachines/default/larry"},
    {"Succeeded", "virtualmachinesnapshotcontents/default/vmsnapshot-content-u1"},
    {"Failed", "virtualmachinesnapshotcontents/default/vmsnapshot-content-u1"},
};

START_TEST(test_a_snapshot_that_has_come_to_an_end_does_not_mind_its_machine)
{
    g_autofree char *text = g_strdup_printf("{'metadata':{'name':'snap','namespace':'default','uid':'u1'},"
                                            "'spec':{'source':{'name':'larry'}},'status':{'phase':'%s'}}",
                                            snapshots[_i].phase);
    g_autoptr(LullJson) snapshot = json(text);
    g_auto(GStrv) refs = lull_snapshot_refs(snapshot);
    g_autofree char *all = g_strjoinv(" ", refs);

    ck_assert_str_eq(all, snapshots[_i].refs);
}
END_TEST

#define OPEN "nodes//node-a virtualmachinesnapshots/default/snap virtualmachines/default/larry"

static const struct {
    const char *stage;
    const char *refs;
} contents[] = {
    {"new", OPEN},
    {"begun", OPEN},
    {"failed", OPEN},
    {"given-up", "nodes//node-a"},
    {"refused", "nodes//node-a"},
    {"cut", "nodes//node-a"},
    {"sealed", "nodes//node-a"},
    {"broken", "nodes//node-a"},
};

START_TEST(test_a_content_without_another_attempt_minds_but_who_sees_to_it)
{
    g_autoptr(LullJson) content =
        json("{'metadata':{'name':'c','namespace':'default','labels':{'lull.dev/node':'node-a'},"
             "'annotations':{}},'spec':{'virtualMachineSnapshotName':'snap',"
             "'source':{'virtualMachine':{'metadata':{'name':'larry'}}}}}");
    g_autofree char *state = g_strdup_printf("{\"stage\":\"%s\",\"number\":1}", contents[_i].stage);
    g_auto(GStrv) refs = NULL;
    g_autofree char *all = NULL;

    lull_json_set_string(lull_json_at(content, "metadata", "annotations", NULL), "lull.dev/attempt", state);
    refs = lull_grant_refs(content);
    all = g_strjoinv(" ", refs);
    ck_assert_str_eq(all, contents[_i].refs);
}
END_TEST

#define UNDER_WAY "virtualmachines/default/larry virtualmachinesnapshots/default/snap"

static const struct {
    const char *status;
    const char *refs;
} restores[] = {
    {"{}", UNDER_WAY},
    {"{'complete':false,'conditions':[{'type':'Progressing','status':'True'}]}", UNDER_WAY},
    {"{'complete':true}", ""},
    {"{'complete':false,'conditions':[{'type':'Failure','status':'True','reason':'no'}]}", ""},
};

START_TEST(test_a_restore_that_has_come_to_an_end_minds_nobody)
{
    g_autofree char *text = g_strdup_printf("{'metadata':{'name':'back','namespace':'default'},'spec':{"
                                            "'target':{'name':'larry'},'virtualMachineSnapshotName':'snap'},"
                                            "'status':%s}",
                                            restores[_i].status);
    g_autoptr(LullJson) restore = json(text);
    g_auto(GStrv) refs = lull_restore_refs(restore);
    g_autofree char *all = g_strjoinv(" ", refs);

    ck_assert_str_eq(all, restores[_i].refs);
}
END_TEST

/* What a watch tells of it leads to the same, without what there is much of. */
static void
check_trimmed(const char *text, LullTrimFunc trim, LullRefsFunc refs)
{
    g_autoptr(LullJson) whole = json(text);
    g_autoptr(LullJson) trimmed = json(text);
    g_auto(GStrv) of_whole = refs(whole);
    g_auto(GStrv) of_trimmed = NULL;

    trim(trimmed);
    of_trimmed = refs(trimmed);
    ck_assert(g_strv_equal((const char *const *)of_whole, (const char *const *)of_trimmed));
    ck_assert_str_eq(lull_meta_name(trimmed), lull_meta_name(whole));
    ck_assert_ptr_null(strstr(lull_json_to_line(trimmed), "much"));
}

START_TEST(test_what_is_taken_off_an_object_leads_nowhere)
{
    static const char snapshot[] =
        "{'metadata':{'name':'snap','namespace':'default','uid':'u1','annotations':{'a':'much'}},"
        "'spec':{'source':{'name':'larry'}},'status':{'phase':'InProgress'}}";
    static const char content[] =
        "{'metadata':{'name':'c','namespace':'default','uid':'u2','labels':{'lull.dev/node':'node-a'},"
        "'annotations':{'lull.dev/quiesce-report':'much','lull.dev/attempt':'{}'}},"
        "'spec':{'virtualMachineSnapshotName':'snap','volumeBackups':[{'volumeName':'much'}],"
        "'source':{'virtualMachine':{'metadata':{'name':'larry','annotations':{'a':'much'}},"
        "'spec':{'template':'much'}}}},'status':{'readyToUse':true}}";

    check_trimmed(snapshot, lull_snapshot_trim, lull_snapshot_refs);
    check_trimmed(content, lull_content_trim, lull_content_refs);
    check_trimmed(content, lull_content_trim, lull_grant_refs);
}
END_TEST

START_TEST(test_nothing_is_taken_off_what_is_not_there)
{
    static const LullTrimFunc trims[] = {lull_snapshot_trim, lull_content_trim, lull_meta_trim};
    static const char *const odd[] = {
        "{}",
        "{'metadata':{}}",
        "{'metadata':7,'spec':[],'status':'x'}",
        "{'metadata':{'annotations':[]},'spec':{'source':{'virtualMachine':'x'},'volumeBackups':1}}",
        "{'metadata':{'name':{}},'spec':{'source':[]}}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++)
        for (gsize k = 0; k < G_N_ELEMENTS(trims); k++) {
            g_autoptr(LullJson) object = json(odd[i]);

            trims[k](object);
            ck_assert(json_object_is_type(object, json_type_object));
        }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("refs");
    TCase *tcase = tcase_create("refs");

    tcase_add_loop_test(tcase, test_a_snapshot_that_has_come_to_an_end_does_not_mind_its_machine, 0,
                        G_N_ELEMENTS(snapshots));
    tcase_add_loop_test(tcase, test_a_content_without_another_attempt_minds_but_who_sees_to_it, 0,
                        G_N_ELEMENTS(contents));
    tcase_add_loop_test(tcase, test_a_restore_that_has_come_to_an_end_minds_nobody, 0,
                        G_N_ELEMENTS(restores));
    tcase_add_test(tcase, test_what_is_taken_off_an_object_leads_nowhere);
    tcase_add_test(tcase, test_nothing_is_taken_off_what_is_not_there);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
