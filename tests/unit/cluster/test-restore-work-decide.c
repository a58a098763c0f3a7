/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-work-decide.h"

#include <string.h>

#include "coordinator/cluster/restore-plan.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* The next step of a restore, from what is seen; cases are those of docs/compatibility.md. */

#define MARK       "'annotations':{'restore.kubevirt.io/lastRestoreUID':'back-u-back'}"
#define OTHER_MARK "'annotations':{'restore.kubevirt.io/lastRestoreUID':'back-u-before'}"
#define LOCKED     "'restoreInProgress':'back'"
#define STOPPED    "'printableStatus':'Stopped'"

#define SNAPSHOT "{'metadata':{'name':'vs-root','uid':'u-vs'},'status':{'readyToUse':true}}"
#define BEHIND                                                                                             \
    "{'metadata':{'name':'vsc','uid':'u-vsc'},'spec':{'driver':'csi','volumeSnapshotRef':{'uid':'u-vs'}}," \
    "'status':{'snapshotHandle':'h'}}"
#define CUT "{'snapshot':'u-vs','content':'u-vsc','driver':'csi','handle':'h'}"

#define FROM(snapshot) \
    "'dataSource':{'kind':'VolumeSnapshot','name':'" snapshot "'},'storageClassName':'fast'"
#define CLAIM(marks, spec, phase)                                                                           \
    "{'metadata':{'name':'new-root','namespace':'shop','uid':'u-claim','creationTimestamp':'2026-01-01T00:" \
    "00:10Z'," marks "},'spec':{" spec "},'status':{'phase':'" phase "'}}"
#define PENDING CLAIM(MARK, FROM("vs-root"), "Pending")
#define BOUND   CLAIM(MARK, FROM("vs-root") ",'volumeName':'pv'", "Bound")
#define VOLUME(by, driver, of, at)                                                                   \
    "{'metadata':{'name':'pv','creationTimestamp':'" at                                              \
    "','annotations':{'pv.kubernetes.io/provisioned-by':'" by "'}},'spec':{'csi':{'driver':'" driver \
    "','volumeHandle':'v'},'claimRef':{'uid':'" of "'}}}"
#define NEW_VOLUME VOLUME("csi", "csi", "u-claim", "2026-01-01T00:00:10Z")

#define DATA_VOLUME(marks, phase) "{'metadata':{'name':'new-root'," marks "},'status':{'phase':'" phase "'}}"

#define CLASS(mode) "{'metadata':{'name':'fast'},'volumeBindingMode':'" mode "'}"
#define AT_ONCE     CLASS("Immediate")
#define LATER       CLASS("WaitForFirstConsumer")

#define VM(marks, status) \
    "{'metadata':{'name':'larry','namespace':'shop','uid':'u-larry'" marks "},'status':{" status "}}"
#define READY_VM   VM("", LOCKED "," STOPPED)
#define WRITTEN_VM VM("," MARK, LOCKED "," STOPPED)

/* One volume, "root", onto the claim "new-root". NULL: not there. */
typedef struct {
    const char *vm, *cut, *snapshot, *behind, *claim, *volume, *class, *said;
    const char *data_volume; /* "": one is planned, and not there; NULL: none is planned */
    gboolean surplus, revisions;
    LullRestoreWorkVerb verb;
    const char *words; /* a part of them; NULL: there are none */
} Case;

#define DO(verb_) .verb = LULL_RESTORE_WORK_##verb_
#define WITH_VM   .vm = READY_VM, .cut = CUT, .snapshot = SNAPSHOT, .behind = BEHIND, .class = AT_ONCE

static const Case cases[] = {
    /* R7, R24 */
    {WITH_VM, DO(CREATE)},
    {.cut = CUT, .snapshot = SNAPSHOT, .behind = BEHIND, .class = AT_ONCE, DO(CREATE)},
    /* R6 */
    {.vm = READY_VM, .class = AT_ONCE, DO(STUCK), .words = "missing volumeSnapshot vs-root"},
    {.vm = READY_VM,
     .class = AT_ONCE,
     .snapshot = "{'metadata':{'name':'vs-root'}}",
     DO(WAIT),
     .words = "volumeSnapshot vs-root is not ready"},
    {.vm = READY_VM,
     .class = AT_ONCE,
     .snapshot = "{'metadata':{'name':'vs-root','deletionTimestamp':'2026-01-01T00:00:00Z'},"
                 "'status':{'readyToUse':true}}",
     DO(STUCK),
     .words = "being deleted"},
    /* what has its name is another one, or stands for something else by now */
    {.vm = READY_VM,
     .class = AT_ONCE,
     .cut = "{'snapshot':'u-other','content':'u-vsc','driver':'csi','handle':'h'}",
     .snapshot = SNAPSHOT,
     .behind = BEHIND,
     DO(FAIL),
     .words = "not the one that was taken"},
    {.vm = READY_VM,
     .class = AT_ONCE,
     .cut = "{'snapshot':'u-vs','content':'u-vsc','driver':'csi','handle':'i'}",
     .snapshot = SNAPSHOT,
     .behind = BEHIND,
     DO(FAIL),
     .words = "not the one that was taken"},
    /* nobody knows which it was: as one that came back from a backup */
    {.vm = READY_VM, .class = AT_ONCE, .snapshot = SNAPSHOT, .behind = BEHIND, DO(CREATE)},
    {.vm = READY_VM,
     .cut = CUT,
     .snapshot = SNAPSHOT,
     .behind = BEHIND,
     DO(STUCK),
     .words = "StorageClass fast does not exist"},
    /* of somebody else, or of another restore of that name */
    {WITH_VM, .claim = CLAIM("'labels':{}", FROM("vs-root"), "Bound"), DO(FAIL),
     .words = "none of this restore"},
    {WITH_VM, .claim = CLAIM(OTHER_MARK, FROM("vs-root"), "Bound"), DO(FAIL),
     .words = "none of this restore"},
    /* R10 */
    {WITH_VM, .claim = PENDING, DO(WAIT),
     .words = "claim new-root is not bound yet: its provisioner has not"},
    {WITH_VM, .claim = PENDING, .said = "no room", DO(WAIT),
     .words = "claim new-root is not bound yet: no room"},
    {.vm = READY_VM,
     .cut = CUT,
     .snapshot = SNAPSHOT,
     .behind = BEHIND,
     .claim = PENDING,
     DO(STUCK),
     .words = "StorageClass fast does not exist"},
    /* nothing is made before the machine runs: there is nothing to be waited for */
    {.vm = READY_VM,
     .cut = CUT,
     .snapshot = SNAPSHOT,
     .behind = BEHIND,
     .claim = PENDING,
     .class = LATER,
     DO(WRITE_MACHINE)},
    /* it is then made of what is there by then */
    {.vm = READY_VM,
     .cut = CUT,
     .claim = PENDING,
     .class = LATER,
     DO(STUCK),
     .words = "missing volumeSnapshot"},
    {.vm = READY_VM,
     .cut = "{'snapshot':'u-other','content':'u-vsc','driver':'csi','handle':'h'}",
     .snapshot = SNAPSHOT,
     .behind = BEHIND,
     .claim = PENDING,
     .class = LATER,
     DO(FAIL),
     .words = "not the one that was taken"},
    {WITH_VM, .claim = CLAIM(MARK, "", "Bound"), DO(FAIL), .words = "would be empty"},
    {WITH_VM, .claim = CLAIM(MARK, FROM("other"), "Bound"), DO(FAIL), .words = "would be empty"},
    {WITH_VM, .claim = CLAIM(MARK, FROM("vs-root"), "Lost"), DO(STUCK),
     .words = "PVC shop/new-root in status \"Lost\""},
    {WITH_VM, .claim = BOUND, DO(WAIT), .words = "volume pv of claim new-root is not there"},
    {WITH_VM, .claim = BOUND, .volume = NEW_VOLUME, DO(WRITE_MACHINE)},
    {.cut = CUT,
     .snapshot = SNAPSHOT,
     .behind = BEHIND,
     .class = AT_ONCE,
     .claim = BOUND,
     .volume = NEW_VOLUME,
     DO(WRITE_MACHINE)},
    /* one that was there before, of another driver, of another claim, made by hand */
    {WITH_VM, .claim = BOUND, .volume = VOLUME("csi", "csi", "u-claim", "2026-01-01T00:00:09Z"), DO(FAIL),
     .words = "was not made for it"},
    {WITH_VM, .claim = BOUND, .volume = VOLUME("nfs", "nfs", "u-claim", "2026-01-01T00:00:10Z"), DO(FAIL),
     .words = "was not made for it"},
    {WITH_VM, .claim = BOUND, .volume = VOLUME("csi", "csi", "u-other", "2026-01-01T00:00:10Z"), DO(FAIL),
     .words = "was not made for it"},
    {WITH_VM, .claim = BOUND, .volume = VOLUME("", "csi", "u-claim", "2026-01-01T00:00:10Z"), DO(FAIL),
     .words = "was not made for it"},
    /* its data are there: what they were made of may be gone */
    {.vm = READY_VM, .cut = CUT, .class = AT_ONCE, .claim = BOUND, .volume = NEW_VOLUME, DO(WRITE_MACHINE)},
    /* R16, R17: one of a template has its claim before the machine names it */
    {WITH_VM, .data_volume = "", DO(CREATE)},
    {WITH_VM, .claim = PENDING, .data_volume = "", DO(WAIT), .words = "claim new-root is not bound yet"},
    {WITH_VM, .claim = BOUND, .volume = NEW_VOLUME, .data_volume = "", DO(CREATE_DATA_VOLUME)},
    {WITH_VM, .claim = BOUND, .volume = NEW_VOLUME, .data_volume = DATA_VOLUME(MARK, "Pending"), DO(WAIT),
     .words = "has not taken its claim yet: it is in phase \"Pending\""},
    {WITH_VM, .claim = BOUND, .volume = NEW_VOLUME, .data_volume = DATA_VOLUME(MARK, "ImportInProgress"),
     DO(WAIT), .words = "ImportInProgress"},
    {WITH_VM, .claim = BOUND, .volume = NEW_VOLUME, .data_volume = DATA_VOLUME(MARK, "Succeeded"),
     DO(WRITE_MACHINE)},
    {WITH_VM, .claim = BOUND, .volume = NEW_VOLUME, .data_volume = DATA_VOLUME(MARK, "WaitForFirstConsumer"),
     DO(WRITE_MACHINE)},
    {WITH_VM, .claim = BOUND, .volume = NEW_VOLUME, .data_volume = DATA_VOLUME(MARK, "PendingPopulation"),
     DO(WRITE_MACHINE)},
    {WITH_VM, .claim = BOUND, .volume = NEW_VOLUME, .data_volume = DATA_VOLUME(OTHER_MARK, "Succeeded"),
     DO(FAIL), .words = "none of this restore"},
    {.vm = WRITTEN_VM, .claim = BOUND, .volume = NEW_VOLUME, .data_volume = "", DO(DONE)},
    /* the target is somebody else's, runs, or goes */
    {.vm = VM("", STOPPED),
     .snapshot = SNAPSHOT,
     .behind = BEHIND,
     .class = AT_ONCE,
     .claim = BOUND,
     .volume = NEW_VOLUME,
     DO(STUCK),
     .words = "not locked by this restore"},
    {.vm = VM("", STOPPED ",'restoreInProgress':'other'"), DO(STUCK), .words = "not locked by this restore"},
    {.vm = VM("", LOCKED ",'printableStatus':'Running'"),
     .snapshot = SNAPSHOT,
     .behind = BEHIND,
     .class = AT_ONCE,
     .claim = BOUND,
     .volume = NEW_VOLUME,
     DO(STUCK),
     .words = "was started"},
    {.vm = VM(",'deletionTimestamp':'2026-01-01T00:00:00Z'", LOCKED "," STOPPED),
     DO(STUCK),
     .words = "is being deleted"},
    /* R21 */
    {.vm = WRITTEN_VM, .claim = BOUND, .volume = NEW_VOLUME, DO(DONE)},
    {.vm = WRITTEN_VM, DO(DONE)},
    {.vm = VM("," MARK, "'printableStatus':'Running'"), .claim = BOUND, DO(DONE)},
    {.vm = WRITTEN_VM, .claim = BOUND, .volume = NEW_VOLUME, .surplus = TRUE, DO(REMOVE_SURPLUS)},
    /* what it had stays where what it got is not there, or not yet */
    {.vm = WRITTEN_VM, .surplus = TRUE, DO(LEAVE_SURPLUS)},
    {.vm = WRITTEN_VM, .claim = PENDING, .class = LATER, .surplus = TRUE, DO(LEAVE_SURPLUS)},
    {.vm = WRITTEN_VM, .claim = BOUND, .surplus = TRUE, DO(LEAVE_SURPLUS)},
    {.vm = WRITTEN_VM,
     .claim = CLAIM(OTHER_MARK, FROM("vs-root") ",'volumeName':'pv'", "Bound"),
     .volume = NEW_VOLUME,
     .surplus = TRUE,
     DO(LEAVE_SURPLUS)},
    {.vm = WRITTEN_VM,
     .claim = BOUND,
     .volume = VOLUME("csi", "csi", "u-other", "2026-01-01T00:00:10Z"),
     .surplus = TRUE,
     DO(LEAVE_SURPLUS)},
    {.vm = WRITTEN_VM, .surplus = TRUE, .revisions = TRUE, DO(OWN_REVISIONS)},
    /* a machine that another restore has written is yet to be written by this one */
    {.vm = VM("," OTHER_MARK, LOCKED "," STOPPED),
     .claim = BOUND,
     .volume = NEW_VOLUME,
     .class = AT_ONCE,
     DO(WRITE_MACHINE)},
    /* R24: those that its source had are the new machine's */
    {.vm = WRITTEN_VM,
     .surplus = TRUE,
     .claim = CLAIM("'annotations':{'restore.kubevirt.io/lastRestoreUID':'back-u-back',"
                    "'restore.kubevirt.io/owned-by-vm':'back'}",
                    FROM("vs-root"), "Bound"),
     DO(ADOPT)},
    {.vm = WRITTEN_VM,
     .claim = CLAIM("'annotations':{'restore.kubevirt.io/lastRestoreUID':'other',"
                    "'restore.kubevirt.io/owned-by-vm':'other'}",
                    FROM("vs-root"), "Bound"),
     DO(DONE)},
};

static LullJson *
maybe(const char *text)
{
    return text ? json(text) : NULL;
}

static LullJson *
restore_json(const char *more)
{
    g_autofree char *text = g_strdup_printf("{'metadata':{'name':'back','namespace':'shop','uid':'u-back'},"
                                            "'spec':{'target':{'kind':'VirtualMachine','name':'larry'}%s}}",
                                            more);

    return json(text);
}

static LullJson *
content_json(const char *spec)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'c','namespace':'shop'},'spec':{'source':{'virtualMachine':{"
        "'metadata':{'name':'larry'},'spec':{%s}}},'volumeBackups':[{'volumeName':'root',"
        "'persistentVolumeClaim':{'metadata':{'name':'root'},'spec':{'storageClassName':'fast'}}}]}}",
        spec);

    return json(text);
}

START_TEST(each_step_follows_from_what_is_there)
{
    const Case *c = &cases[_i];
    g_autoptr(LullJson) restore = restore_json("");
    g_autoptr(LullJson) content = content_json("");
    g_autoptr(LullJson) vm = maybe(c->vm);
    g_autoptr(LullJson) entry = json("{'volumeName':'root','persistentVolumeClaim':'new-root',"
                                     "'volumeSnapshotName':'vs-root'}");
    g_autoptr(LullJson) cut = maybe(c->cut);
    g_autoptr(LullJson) snapshot = maybe(c->snapshot);
    g_autoptr(LullJson) behind = maybe(c->behind);
    g_autoptr(LullJson) claim = maybe(c->claim);
    g_autoptr(LullJson) volume = maybe(c->volume);
    g_autoptr(LullJson) class = maybe(c->class);
    g_autoptr(LullJson) data_volume = maybe(c->data_volume && *c->data_volume ? c->data_volume : NULL);
    const LullRestoreSight sight = {entry, cut, snapshot, behind, claim, volume, class, data_volume, c->said};
    const LullRestoreLook look = {restore, content, vm, &sight, 1, c->surplus, c->revisions};
    g_auto(LullRestoreWorkStep) step = {0};

    if (c->data_volume)
        lull_json_set_string(entry, "dataVolumeName", "new-root");
    step = lull_restore_work_decide(&look);
    ck_assert_msg(step.verb == c->verb, "case %d: %s: %s", _i, lull_restore_work_verb_to_string(step.verb),
                  step.words ? step.words : "");
    ck_assert_msg((c->words == NULL) == (step.words == NULL) && (!c->words || strstr(step.words, c->words)),
                  "case %d: %s", _i, step.words ? step.words : "(no words)");
}
END_TEST

/* All of them are looked at before the first claim is made. */
START_TEST(what_is_wrong_with_one_volume_keeps_the_others_from_being_made)
{
    g_autoptr(LullJson) restore = restore_json("");
    g_autoptr(LullJson) content = content_json("");
    g_autoptr(LullJson) vm = json(READY_VM);
    g_autoptr(LullJson) entry = json("{'volumeName':'root','persistentVolumeClaim':'new-root',"
                                     "'volumeSnapshotName':'vs-root'}");
    g_autoptr(LullJson) snapshot = json(SNAPSHOT);
    g_autoptr(LullJson) class = json(AT_ONCE);
    const LullRestoreSight good = {.entry = entry, .snapshot = snapshot, .class = class};
    const LullRestoreSight bad = {.entry = entry, .class = class};

    for (guint where = 0; where < 3; where++) {
        LullRestoreSight sights[] = {good, good, good};
        const LullRestoreLook look = {restore, content, vm, sights, 3, FALSE, FALSE};
        g_auto(LullRestoreWorkStep) step = {0};

        sights[where] = bad;
        step = lull_restore_work_decide(&look);
        ck_assert_int_eq(step.verb, LULL_RESTORE_WORK_STUCK);
    }
}
END_TEST

START_TEST(claims_are_made_in_their_order)
{
    g_autoptr(LullJson) restore = restore_json("");
    g_autoptr(LullJson) content = content_json("");
    g_autoptr(LullJson) entry = json("{'volumeName':'root','persistentVolumeClaim':'new-root',"
                                     "'volumeSnapshotName':'vs-root'}");
    g_autoptr(LullJson) snapshot = json(SNAPSHOT);
    g_autoptr(LullJson) class = json(AT_ONCE);
    g_autoptr(LullJson) claim = json(PENDING);
    const LullRestoreSight missing = {.entry = entry, .snapshot = snapshot, .class = class};
    const LullRestoreSight made = {.entry = entry, .snapshot = snapshot, .class = class, .claim = claim};
    const LullRestoreSight sights[] = {made, missing, missing};
    const LullRestoreLook look = {restore, content, NULL, sights, 3, FALSE, FALSE};
    g_auto(LullRestoreWorkStep) step = lull_restore_work_decide(&look);

    ck_assert_int_eq(step.verb, LULL_RESTORE_WORK_CREATE);
    ck_assert_uint_eq(step.index, 1);
}
END_TEST

static const struct {
    const char *restore, *machine, *plan, *words;
} refusals[] = {
    {"", "", "[{'volumeName':'root'}]", NULL},
    {",'volumeRestorePolicy':'PrefixTargetName'", "", "[]", NULL},
    {",'volumeRestorePolicy':'InPlace'", "", "[]", NULL},
    {"", "'template':{'spec':{'domain':{'devices':{'tpm':{'persistent':true}}}}}", "[]", "TPM"},
};

START_TEST(what_is_not_done_is_refused_in_words)
{
    g_autoptr(LullJson) restore = restore_json(refusals[_i].restore);
    g_autoptr(LullJson) content = content_json(refusals[_i].machine);
    g_autoptr(LullJson) plan = json(refusals[_i].plan);
    g_autofree char *words = lull_restore_work_refusal(restore, content, plan);

    ck_assert_msg((words == NULL) == (refusals[_i].words == NULL) &&
                      (!words || strstr(words, refusals[_i].words)),
                  "%s", words ? words : "(none)");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-work-decide");
    TCase *tcase = tcase_create("restore-work-decide");

    tcase_add_loop_test(tcase, each_step_follows_from_what_is_there, 0, G_N_ELEMENTS(cases));
    tcase_add_test(tcase, what_is_wrong_with_one_volume_keeps_the_others_from_being_made);
    tcase_add_test(tcase, claims_are_made_in_their_order);
    tcase_add_loop_test(tcase, what_is_not_done_is_refused_in_words, 0, G_N_ELEMENTS(refusals));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
