/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap.h"

#include <string.h>

#include "coordinator/cluster/restore-swap-decide.h"
#include "coordinator/cluster/restore-use.h"
#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* What is noted on volumes that a restore in place holds, and what follows from it. */

#define ENTRY "{'volumeName':'root','persistentVolumeClaim':'root-claim','volumeSnapshotName':'vs-root'}"
#define RESTORE \
    "{'metadata':{'name':'back','namespace':'shop','uid':'u-back'},'spec':{'target':{'name':'larry'}}}"

/* With a record, of which the test says a few members. */
static LullJson *
volume_json(const char *of, const char *record, const char *claim)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'pv','resourceVersion':'7','labels':{'restore.lull.dev/"
                        "uid':'%s'},'annotations':{"
                        "}},'spec':{'persistentVolumeReclaimPolicy':'Retain','claimRef':{%s}}}",
                        of, claim);
    LullJson *volume = json(text);
    g_autoptr(LullJson) noted = json(record);

    lull_json_set_string(lull_json_at(volume, "metadata", "annotations", NULL), LULL_SWAP_RECORD,
                         lull_json_to_line(noted));
    lull_json_set_string(lull_json_at(volume, "metadata", "annotations", NULL), LULL_SWAP_POLICY, "Delete");
    return volume;
}

#define OF_ROOT  "'volume':'root'"
#define OF_OLD   "{'part':'old','namespace':'shop'," OF_ROOT ",'of':'u-old'}"
#define OF_FRESH "{'part':'fresh','namespace':'shop'," OF_ROOT ",'aside':'u-aside','replaces':'u-old'}"
#define CLAIM    "'namespace':'shop','name':'root-claim','uid':'u-old'"

static const struct {
    const char *of, *record, *claim;
    gboolean counts;
} records[] = {
    {"u-back", OF_OLD, CLAIM, TRUE},
    {"u-other", OF_OLD, CLAIM, FALSE},
    {"u-back", OF_FRESH, CLAIM, FALSE},
    {"u-back", "{'part':'old','namespace':'other'," OF_ROOT "}", CLAIM, FALSE},
    {"u-back", "{'part':'old','namespace':'shop','volume':'data'}", CLAIM, FALSE},
    {"u-back", "{}", CLAIM, FALSE},
    /* a volume of another name space never becomes one of this */
    {"u-back", OF_OLD, "'namespace':'other','name':'root-claim','uid':'u-old'", FALSE},
    {"u-back", OF_OLD, "", FALSE},
};

START_TEST(a_volume_is_held_only_by_the_restore_and_for_the_volume_that_it_says)
{
    g_autoptr(LullJson) restore = json(RESTORE);
    g_autoptr(LullJson) entry = json(ENTRY);
    g_autoptr(LullJson) volume = volume_json(records[_i].of, records[_i].record, records[_i].claim);
    g_autoptr(LullJson) record = lull_restore_record(restore, entry, volume, LULL_SWAP_OLD);

    ck_assert_int_eq(record != NULL, records[_i].counts);
}
END_TEST

START_TEST(a_record_that_is_no_json_is_none)
{
    g_autoptr(LullJson) restore = json(RESTORE);
    g_autoptr(LullJson) entry = json(ENTRY);
    g_autoptr(LullJson) volume = volume_json("u-back", OF_OLD, CLAIM);

    lull_json_set_string(lull_json_at(volume, "metadata", "annotations", NULL), LULL_SWAP_RECORD, "{");
    ck_assert_ptr_null(lull_restore_record(restore, entry, volume, LULL_SWAP_OLD));
}
END_TEST

static const char *
policy_in(LullJson *patch)
{
    return lull_json_string(lull_json_object(patch, "spec"), "persistentVolumeReclaimPolicy", NULL);
}

/* One that somebody else has by now is kept: what was said of it was said of another's. */
START_TEST(a_volume_that_is_let_go_goes_only_with_its_own_claim)
{
    static const char *const owners[] = {"u-old", "u-somebody", ""};
    g_autofree char *claim = g_strdup_printf("'namespace':'shop','name':'x','uid':'%s'", owners[_i]);
    g_autoptr(LullJson) volume = volume_json("u-back", OF_OLD, claim);
    g_autoptr(LullJson) record = json(OF_OLD);
    g_autoptr(LullJson) patch = lull_restore_let_go(volume, record);
    g_autoptr(LullJson) after = lull_json_merge_patch(volume, patch);

    ck_assert_pstr_eq(policy_in(patch), _i == 0 ? "Delete" : NULL);
    ck_assert_ptr_null(lull_meta_annotation(after, LULL_SWAP_RECORD));
    ck_assert_ptr_null(lull_json_at(after, "metadata", "labels", LULL_SWAP_LABEL, NULL));
    ck_assert_str_eq(lull_meta_version(patch), "7");
}
END_TEST

/* Else nobody would ever take it away. */
START_TEST(new_data_that_wait_for_a_name_are_given_back_to_the_claim_aside)
{
    static const char *const owners[] = {"", ",'uid':'u-aside'"};
    g_autofree char *claim = g_strdup_printf("'namespace':'shop','name':'root-claim'%s", owners[_i]);
    g_autoptr(LullJson) restore = json(RESTORE);
    g_autoptr(LullJson) entry = json(ENTRY);
    g_autoptr(LullJson) volume = volume_json("u-back", OF_FRESH, claim);
    g_autoptr(LullJson) record = json(OF_FRESH);
    g_autoptr(LullJson) patch = lull_restore_give_back(restore, entry, volume, record);
    g_autoptr(LullJson) after = lull_json_merge_patch(volume, patch);
    LullJson *waits_for = lull_json_at(after, "spec", "claimRef", NULL);

    ck_assert_str_eq(policy_in(patch), "Delete");
    ck_assert_str_eq(lull_json_string(waits_for, "uid", ""), "u-aside");
    ck_assert_str_eq(lull_json_string(waits_for, "name", ""), _i ? "root-claim" : "restore-u-back-root");
}
END_TEST

/* By a restore that was taken away without an end. */
START_TEST(a_volume_that_is_still_held_by_another_keeps_the_policy_that_it_had)
{
    g_autoptr(LullJson) restore = json(RESTORE);
    g_autoptr(LullJson) entry = json(ENTRY);
    g_autoptr(LullJson) old = json("{'metadata':{'uid':'u-old'}}");
    g_autoptr(LullJson) volume = volume_json("u-lost", OF_OLD, CLAIM);
    g_autoptr(LullJson) patch = lull_restore_hold_old(restore, entry, volume, old);
    g_autoptr(LullJson) after = lull_json_merge_patch(volume, patch);
    g_autoptr(LullJson) record = lull_restore_record(restore, entry, after, LULL_SWAP_OLD);

    ck_assert_ptr_nonnull(record);
    ck_assert_str_eq(lull_meta_annotation(after, LULL_SWAP_POLICY), "Delete");
    ck_assert_str_eq(policy_in(patch), "Retain");
}
END_TEST

static LullJson *
users_json(const char *name, const char *phase, const char *body)
{
    g_autofree char *text =
        g_strdup_printf("[{'metadata':{'name':'%s'},'status':{'phase':'%s'},'spec':%s}]", name, phase, body);

    return json(text);
}

#define VOLUMES "{'volumes':[{'emptyDir':{}},{'persistentVolumeClaim':{'claimName':'root-claim'}}]}"

START_TEST(pods_and_instances_that_have_ended_use_nothing)
{
    static const struct {
        const char *phase;
        gboolean uses;
    } phases[] = {
        {"Running", TRUE}, {"Pending", TRUE}, {"Unknown", TRUE}, {"Succeeded", FALSE}, {"Failed", FALSE}};

    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++) {
        g_autoptr(LullJson) bodies = users_json("user", phases[i].phase, VOLUMES);
        const LullRestoreUsers users = {.instances = _i ? bodies : NULL, .pods = _i ? NULL : bodies};
        g_autofree char *user = lull_restore_users_find_other(&users, "larry", "root-claim");
        g_autofree char *of_another = lull_restore_users_find_other(&users, "larry", "data-claim");

        ck_assert_pstr_eq(user, !phases[i].uses ? NULL : _i ? "vmi user" : "pod user");
        ck_assert_ptr_null(of_another);
    }
}
END_TEST

/* Whether it runs or not, and by a template that is yet to make it, too. */
START_TEST(every_machine_but_the_target_uses_what_it_names)
{
    static const char *const specs[] = {"{'template':{'spec':" VOLUMES "}}",
                                        "{'dataVolumeTemplates':[{'metadata':{'name':'root-claim'}}]}"};
    g_autoptr(LullJson) machines = users_json("web", "", specs[_i]);
    const LullRestoreUsers users = {.machines = machines};
    g_autofree char *user = lull_restore_users_find_other(&users, "larry", "root-claim");
    g_autofree char *target = lull_restore_users_find_other(&users, "web", "root-claim");

    ck_assert_str_eq(user, "vm web");
    ck_assert_ptr_null(target);
}
END_TEST

#define VM                                                                                                \
    "{'metadata':{'name':'larry','uid':'u-larry'},'spec':{'template':{'spec':{'volumes':[{'name':'root'," \
    "'persistentVolumeClaim':{'claimName':'root-claim'}}]}}},'status':{'restoreInProgress':'back','"      \
    "printableStatus':'"                                                                                  \
    "Stopped'}}"
#define MARKED "'annotations':{'restore.lull.dev/replaced-by':'back-u-back'}"
#define MADE   "'annotations':{'restore.kubevirt.io/lastRestoreUID':'back-u-back'}"
#define GOING  "'deletionTimestamp':'2026-01-01T00:00:00Z'"
#define ON(uid, meta, volume, phase)                                            \
    "{'metadata':{'name':'root-claim','namespace':'shop','uid':'" uid "'," meta \
    "},'spec':{'volumeName':'" volume "'},'status':{'phase':'" phase "'}}"
#define OLD(meta)  ON("u-old", meta, "pv-old", "Bound")
#define RETAIN     "'persistentVolumeReclaimPolicy':'Retain',"
#define FRESH(uid) "{'metadata':{'name':'pv-new'},'spec':{" RETAIN "'claimRef':{'name':'root-claim'" uid "}}}"
#define NOTED      "{'replaces':'u-old','aside':'u-aside','claim':{}}"
#define OLD_VOLUME \
    "{'metadata':{'name':'pv-old'},'spec':{" RETAIN "'claimRef':{'name':'root-claim','uid':'u-old'}}}"
#define DEAD_OWNER                                   \
    "'ownerReferences':[{'apiVersion':'kubevirt.io/" \
    "v1','kind':'VirtualMachine','name':'larry','uid':'u-dead'}]"
#define OLD_NOTED   "{'of':'u-old','claim':{}}"
#define FREE_VOLUME "{'metadata':{'name':'pv-old'},'spec':{" RETAIN "'claimRef':{'name':'root-claim'}}}"
#define LOST_VOLUME                                                                                        \
    "{'metadata':{'name':'pv-old'},'spec':{'persistentVolumeReclaimPolicy':'Delete','claimRef':{'uid':'u-" \
    "old'}}}"
#define PUT_BACK "'annotations':{'restore.lull.dev/put-back':'back-u-back'}"
#define ASIDE(spec) \
    "{'metadata':{'name':'restore-u-back-root','namespace':'shop','uid':'u-aside'," MADE "}," spec "}"
#define LATER         "{'volumeBindingMode':'WaitForFirstConsumer'}"
#define FROM_SNAPSHOT "'dataSource':{'name':'vs-root'}"

typedef struct {
    const char *claim, *aside, *fresh, *fresh_record, *old, *old_record, *class, *user;
    const char *vm;                    /* NULL: as it is to be */
    gboolean untried, lost;            /* the claims; the snapshot */
    LullRestoreWorkVerb verb, dropped; /* what is next, what when it is given up */
    const char *words;                 /* a part of what is said of the former */
} Case;

#define DO(verb_)   .verb = LULL_RESTORE_WORK_##verb_
#define DROP(verb_) .dropped = LULL_RESTORE_WORK_##verb_
#define HELD        .fresh = FRESH(""), .fresh_record = NOTED, .old = OLD_VOLUME, .old_record = OLD_NOTED
#define BACK        .fresh = FRESH(""), .fresh_record = NOTED, .old = FREE_VOLUME, .old_record = OLD_NOTED

/* The snapshot is there, and good. */
static const Case cases[] = {
    {.claim = OLD("'labels':{}"), .old = OLD_VOLUME, DO(CREATE_ASIDE), DROP(DONE)},
    {DO(CREATE_ASIDE), DROP(DONE)},
    {.claim = OLD(GOING), .old = OLD_VOLUME, DO(STUCK), DROP(DONE), .words = "by somebody else"},
    {.claim = OLD("'labels':{}"),
     .old = OLD_VOLUME,
     .user = "pod user",
     DO(STUCK),
     DROP(DONE),
     .words = "pod user uses it"},
    /* B3: whoever names one that is not there has it once it is made */
    {.user = "vm user", DO(STUCK), DROP(DONE), .words = "vm user uses it"},
    /* A5: only a volume that was made for it is taken */
    {.claim = OLD("'labels':{}"),
     .old = OLD_VOLUME,
     .class = LATER,
     .aside = ASIDE("'spec':{'volumeName':'pv-of-others'," FROM_SNAPSHOT "}"),
     DO(FAIL),
     DROP(DONE),
     .words = "none of this restore"},
    {.claim = OLD("'labels':{}"),
     .old = OLD_VOLUME,
     .aside = ASIDE("'spec':{'volumeName':'pv-of-others'," FROM_SNAPSHOT "}"),
     .fresh = "{'metadata':{'name':'pv-of-others'},'spec':{'claimRef':{'uid':'u-other'}}}",
     DO(WAIT),
     DROP(DONE),
     .words = "not bound yet"},
    /* held: what is missing of it comes first */
    {.claim = OLD("'labels':{}"),
     .fresh = FRESH(""),
     .fresh_record = NOTED,
     .old = OLD_VOLUME,
     DO(HOLD_OLD),
     DROP(GIVE_BACK)},
    {HELD, .claim = OLD("'labels':{}"), DO(MARK), DROP(GIVE_BACK)},
    {HELD, .claim = OLD(MARKED), .user = "pod user", DO(STUCK), DROP(UNMARK), .words = "pod user uses it"},
    {HELD, .claim = OLD(MARKED), DO(REMOVE_CLAIM), DROP(UNMARK)},
    {HELD, .claim = OLD(MARKED), .aside = ASIDE("'spec':{}"), DO(REMOVE_ASIDE), DROP(UNMARK)},
    {.claim = OLD(MARKED), .old = OLD_VOLUME, DO(CREATE_ASIDE), DROP(UNMARK)},
    /* A3: all claims are tried before the first goes */
    {HELD, .claim = OLD(MARKED), .untried = TRUE, DO(TRY), DROP(UNMARK)},
    /* B2: and all volumes are kept */
    {.fresh = FRESH(""),
     .fresh_record = NOTED,
     .old = LOST_VOLUME,
     .old_record = OLD_NOTED,
     .claim = OLD(MARKED),
     DO(STUCK),
     DROP(UNMARK),
     .words = "volume pv-old was to be kept"},
    {.fresh = "{'metadata':{'name':'pv-new'," GOING "},'spec':{" RETAIN "'claimRef':{'name':'root-claim'}}}",
     .fresh_record = NOTED,
     .old = OLD_VOLUME,
     .old_record = OLD_NOTED,
     .claim = OLD(MARKED),
     DO(STUCK),
     DROP(UNMARK),
     .words = "volume pv-new was to be kept"},
    /* A6: a volume that is bound is not moved */
    {.fresh = "{'metadata':{'name':'pv-new'},'spec':{" RETAIN "'claimRef':{'name':'aside','uid':'u-aside'}},"
              "'status':{'phase':'Bound'}}",
     .fresh_record = NOTED,
     .old = OLD_VOLUME,
     .old_record = OLD_NOTED,
     .claim = OLD(MARKED),
     DO(WAIT),
     DROP(UNMARK),
     .words = "volume pv-new is not released yet"},
    /* from here on there is a way forward and a way back */
    {HELD, .claim = OLD(MARKED "," GOING), .user = "pod user", DO(WAIT), DROP(WAIT),
     .words = "used by pod user"},
    {HELD, DO(CREATE_MOVED), DROP(MOVE_OLD)},
    {BACK, DO(CREATE_MOVED), DROP(CREATE_OLD)},
    {HELD, .claim = ON("u-new", MADE, "pv-new", "Pending"), DO(WAIT), DROP(MOVE_OLD),
     .words = "not bound to volume pv-new"},
    {BACK, .claim = ON("u-new", MADE, "pv-new", "Pending"), DO(WAIT), DROP(REMOVE_CLAIM),
     .words = "not bound to volume pv-new"},
    {BACK, .claim = ON("u-new", "'labels':{}", "pv-new", "Bound"), DO(WAIT), DROP(MARK),
     .words = "not bound"},
    {BACK, .claim = ON("u-new", MADE, "pv-new", "Pending"), .user = "pod user", DO(WAIT), DROP(WAIT),
     .words = "not bound to volume pv-new"},
    {HELD, .claim = ON("u-new", "'labels':{}", "", "Pending"), DO(WAIT), DROP(MOVE_OLD),
     .words = "not bound"},
    {HELD, .claim = ON("u-new", "'labels':{}", "pv-other", "Bound"), DO(STUCK), DROP(WAIT),
     .words = "made again by somebody else"},
    {.fresh = FRESH(",'uid':'u-new'"),
     .fresh_record = NOTED,
     .claim = ON("u-new", MADE, "pv-new", "Bound"),
     DO(DONE),
     DROP(REMOVE_CLAIM)},
    /* A2: it would be collected with a machine that is gone */
    {BACK, .claim = ON("u-new", MADE "," DEAD_OWNER, "pv-new", "Bound"), DO(DISOWN), DROP(REMOVE_CLAIM)},
    /* the old data have been let go: there is only forward */
    {.fresh = FRESH(",'uid':'u-new'"),
     .fresh_record = "{'replaces':'u-old','old':'pv-old','aside':'u-aside','claim':{}}",
     .claim = ON("u-new", MADE, "pv-new", "Bound"),
     DO(LET_GO),
     DROP(LET_GO)},
    /* put back, by us or by whoever was faster */
    {BACK, .claim = ON("u-again", PUT_BACK, "pv-old", "Pending"), DO(MARK), DROP(WAIT)},
    {.fresh = FRESH(""),
     .fresh_record = NOTED,
     .old = "{'metadata':{'name':'pv-old'},'spec':{'claimRef':{'name':'root-claim','uid':'u-again'}}}",
     .old_record = OLD_NOTED,
     .claim = ON("u-again", "'labels':{}", "pv-old", "Bound"),
     DO(MARK),
     DROP(GIVE_BACK)},
    /* A1: the machine may have run on the new data */
    {.fresh = FRESH(",'uid':'u-gone'"),
     .fresh_record = NOTED,
     .old = "{'metadata':{'name':'pv-old'},'spec':{'claimRef':{'name':'root-claim','uid':'u-again'}}}",
     .old_record = OLD_NOTED,
     .claim = ON("u-again", "'labels':{}", "pv-old", "Bound"),
     .vm = "{'metadata':{'name':'larry','uid':'u-larry'},'spec':{'template':{'spec':{'volumes':[{"
           "'persistentVolumeClaim':{'claimName':'root-claim'}}]}}}}",
     DO(MARK),
     DROP(LEAVE_FRESH)},
    /* somebody took the claim away that was made */
    {.fresh = FRESH(",'uid':'u-new'"), .fresh_record = NOTED, DO(MOVE), DROP(GIVE_BACK)},
    /* it was let go already: as of a machine that is gone */
    {.claim = ON("u-new", MADE, "pv-new", "Bound"), DO(DONE), DROP(DONE)},
    /* a class that gives nobody a volume before */
    {.class = LATER, .claim = OLD("'labels':{}"), .old = OLD_VOLUME, DO(HOLD_OLD), DROP(DONE)},
    {.class = LATER,
     .claim = OLD(MARKED),
     .old = OLD_VOLUME,
     .old_record = OLD_NOTED,
     DO(REMOVE_CLAIM),
     DROP(UNMARK)},
    {.class = LATER, .old = OLD_VOLUME, .old_record = OLD_NOTED, DO(CREATE), DROP(MOVE_OLD)},
    {.class = LATER, .old = FREE_VOLUME, .old_record = OLD_NOTED, DO(CREATE), DROP(CREATE_OLD)},
    /* A4: the way back asks for no snapshot */
    {.class = LATER,
     .old = FREE_VOLUME,
     .old_record = OLD_NOTED,
     .lost = TRUE,
     DO(STUCK),
     DROP(CREATE_OLD),
     .words = "missing volumeSnapshot"},
    {.class = LATER,
     .old = FREE_VOLUME,
     .old_record = OLD_NOTED,
     .claim = ON("u-new", "'labels':{}", "", "Pending"),
     DO(STUCK),
     DROP(WAIT),
     .words = "made again"},
    {.class = LATER,
     .old = FREE_VOLUME,
     .old_record = OLD_NOTED,
     .claim = "{'metadata':{'uid':'u-new'," MADE "},'spec':{" FROM_SNAPSHOT "}}",
     DO(DONE),
     DROP(REMOVE_CLAIM)},
    /* what nobody holds, and has a volume, is all that there is */
    {.class = LATER,
     .claim = "{'metadata':{'uid':'u-new'," MADE "},'spec':{" FROM_SNAPSHOT "}}",
     DO(DONE),
     DROP(REMOVE_CLAIM)},
    {.class = LATER,
     .claim = "{'metadata':{'uid':'u-new'," MADE "},'spec':{'volumeName':'pv-1'," FROM_SNAPSHOT "}}",
     DO(DONE),
     DROP(DONE)},
};

static LullJson *
maybe(const char *text)
{
    return text ? json(text) : NULL;
}

START_TEST(each_step_follows_from_what_is_there)
{
    const Case *c = &cases[_i];
    g_autoptr(LullJson) restore = json(RESTORE);
    g_autoptr(LullJson) content = json("{'spec':{}}");
    g_autoptr(LullJson) vm = json(c->vm ? c->vm : VM);
    g_autoptr(LullJson) entry = json(ENTRY);
    g_autoptr(LullJson) snapshot = json("{'metadata':{'name':'vs-root'},'status':{'readyToUse':true}}");
    g_autoptr(LullJson) claim = maybe(c->claim);
    g_autoptr(LullJson) aside = maybe(c->aside);
    g_autoptr(LullJson) fresh = maybe(c->fresh);
    g_autoptr(LullJson) fresh_record = maybe(c->fresh_record);
    g_autoptr(LullJson) old = maybe(c->old);
    g_autoptr(LullJson) old_record = maybe(c->old_record);
    g_autoptr(LullJson) class = json(c->class ? c->class : "{'volumeBindingMode':'Immediate'}");
    g_autofree char *user = g_strdup(c->user);
    const LullRestoreSight sight = {.entry = entry,
                                    .snapshot = c->lost ? NULL : snapshot,
                                    .claim = claim,
                                    .class = class,
                                    .swap = {aside, fresh, fresh_record, old, old_record, user}};
    const LullRestoreLook look = {.restore = restore,
                                  .content = content,
                                  .vm = vm,
                                  .sights = &sight,
                                  .n = 1,
                                  .in_place = TRUE,
                                  .tried = !c->untried};
    g_auto(LullRestoreWorkStep) step = lull_restore_swap_decide(&look);
    g_auto(LullRestoreWorkStep) dropped = lull_restore_swap_decide_drop(&look, FALSE);

    ck_assert_msg(step.verb == c->verb, "case %d: %s: %s", _i, lull_restore_work_verb_to_string(step.verb),
                  step.words ? step.words : "");
    ck_assert_msg((c->words == NULL) == (step.words == NULL) && (!c->words || strstr(step.words, c->words)),
                  "case %d: %s", _i, step.words ? step.words : "(no words)");
    ck_assert_msg(dropped.verb == c->dropped, "case %d, given up: %s: %s", _i,
                  lull_restore_work_verb_to_string(dropped.verb), dropped.words ? dropped.words : "");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-swap");
    TCase *tcase = tcase_create("restore-swap");

    tcase_add_loop_test(tcase, a_volume_is_held_only_by_the_restore_and_for_the_volume_that_it_says, 0,
                        G_N_ELEMENTS(records));
    tcase_add_test(tcase, a_record_that_is_no_json_is_none);
    tcase_add_loop_test(tcase, a_volume_that_is_let_go_goes_only_with_its_own_claim, 0, 3);
    tcase_add_loop_test(tcase, new_data_that_wait_for_a_name_are_given_back_to_the_claim_aside, 0, 2);
    tcase_add_test(tcase, a_volume_that_is_still_held_by_another_keeps_the_policy_that_it_had);
    tcase_add_loop_test(tcase, pods_and_instances_that_have_ended_use_nothing, 0, 2);
    tcase_add_loop_test(tcase, every_machine_but_the_target_uses_what_it_names, 0, 2);
    tcase_add_loop_test(tcase, each_step_follows_from_what_is_there, 0, G_N_ELEMENTS(cases));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
