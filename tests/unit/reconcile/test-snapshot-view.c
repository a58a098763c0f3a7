/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/snapshot-view.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define CREATED "2026-03-01T10:00:00Z"

static gint64
at(int seconds)
{
    gint64 created = 0;

    lull_clock_parse(CREATED, &created);
    return created + LULL_SEC(seconds);
}

static LullJson *
snapshot(const char *spec, const char *annotations, const char *status)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'snap','namespace':'default','uid':'u1','creationTimestamp':'" CREATED "',"
        "'finalizers':['snapshot.kubevirt.io/vmsnapshot-protection'],'annotations':{%s}},"
        "'spec':{'source':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':'larry'}%s}%s}",
        annotations, spec, status);

    return json(text);
}

static LullJson *
vm(const char *state, const char *status)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'larry','namespace':'default','uid':'v1','resourceVersion':'7'},"
        "'spec':{'template':{'spec':{'volumes':[{'name':'vda','persistentVolumeClaim':{'claimName':'larry-"
        "vda'}},"
        "{'name':'cdrom','hostDisk':{}}]}}},"
        "'status':{'printableStatus':'%s','volumeSnapshotStatuses':[{'name':'vda','enabled':true},"
        "{'name':'cdrom','enabled':false,'reason':'read-only'}]%s}}",
        state, status);

    return json(text);
}

static LullJson *
content(const char *state, const char *status)
{
    LullJson *object =
        json("{'metadata':{'name':'vmsnapshot-content-u1','namespace':'default','uid':'c1',"
             "'annotations':{}},'spec':{'virtualMachineSnapshotName':'snap',"
             "'source':{'virtualMachine':{'spec':{'template':{'spec':{'volumes':"
             "[{'name':'vda'},{'name':'cdrom'}]}}}}},'volumeBackups':[{'volumeName':'vda'}]}}");
    LullJson *annotations = lull_json_at(object, "metadata", "annotations", NULL);
    g_autofree char *stage = g_strdup_printf("{\"stage\":\"%s\",\"number\":1}", state);

    lull_json_set_string(annotations, "lull.dev/attempt", stage);
    lull_json_set_string(annotations, "lull.dev/quiesce-report",
                         "{\"version\":1,\"indications\":[\"GuestAgent\",\"Online\"],\"proof\":\"held\"}");
    lull_json_take(object, "status", json(status));
    return object;
}

static const char *
progressing(const LullSnapshotView *view)
{
    g_autoptr(LullJson) object = json_object_new_object();

    lull_json_take(object, "status", lull_json_dup(view->status));
    return g_intern_string(lull_condition_reason(object, "Progressing"));
}

static const char *
phase(const LullSnapshotView *view)
{
    return lull_json_string(view->status, "phase", "");
}

START_TEST(test_a_new_snapshot_gets_phase_and_two_conditions)
{
    g_autoptr(LullSnapshotView) view =
        lull_snapshot_view_new(snapshot("", "", ""), NULL, vm("Running", ""), at(1));

    ck_assert(view->exists && view->source_exists && view->has_finalizer && view->status_stale);
    ck_assert_int_eq(view->deadline, at(300));
    ck_assert_str_eq(view->content_name, "vmsnapshot-content-u1");
    ck_assert_str_eq(
        lull_json_to_line(view->status),
        "{\"sourceUID\":\"v1\",\"phase\":\"InProgress\",\"readyToUse\":false,\"conditions\":["
        "{\"type\":\"Progressing\",\"lastProbeTime\":null,\"status\":\"False\",\"reason\":\"Source "
        "not locked\",\"lastTransitionTime\":\"2026-03-01T10:00:01Z\"},"
        "{\"type\":\"Ready\",\"lastProbeTime\":null,\"status\":\"False\",\"reason\":\"Not "
        "ready\",\"lastTransitionTime\":\"2026-03-01T10:00:01Z\"}]}");
}
END_TEST

START_TEST(test_the_status_written_is_not_stale_any_more)
{
    g_autoptr(LullSnapshotView) first =
        lull_snapshot_view_new(snapshot("", "", ""), NULL, vm("Running", ""), at(1));
    g_autoptr(LullSnapshotView) second = NULL;
    LullJson *object = snapshot("", "", "");

    lull_json_take(object, "status", lull_json_dup(first->status));
    second = lull_snapshot_view_new(object, NULL, vm("Running", ""), at(2));
    ck_assert(!second->status_stale);
}
END_TEST

static const struct {
    const char *spec;
    const char *annotations;
    const char *vm_state; /* NULL: no such VM */
    const char *vm_status;
    int now;
    const char *phase;
    const char *progressing;
    const char *failure; /* NULL: none; else how it begins */
} sources[] = {
    {"", "", NULL, "", 1, "InProgress", "Source does not exist", NULL},
    {"", "", NULL, "", 301, "Failed", "Operation failed", "snapshot deadline exceeded"},
    {"", "", "Running", "", 300, "InProgress", "Source not locked", NULL},
    {"", "", "Running", "", 301, "Failed", "Operation failed", "snapshot deadline exceeded"},
    {",'failureDeadline':'1m'", "", "Running", "", 61, "Failed", "Operation failed",
     "snapshot deadline exceeded"},
    {",'failureDeadline':60", "", "Running", "", 61, "Failed", "Operation failed",
     "snapshot deadline exceeded"},
    {",'failureDeadline':'-1s'", "", "Running", "", 0, "Failed", "Operation failed",
     "snapshot deadline exceeded"},
    {",'failureDeadline':'0'", "", "Running", "", 99999, "InProgress", "Source not locked", NULL},
    {",'failureDeadline':0", "", "Running", "", 99999, "InProgress", "Source not locked", NULL},
    {"", "", "Running", ",'snapshotInProgress':'snap'", 1, "InProgress",
     "Source locked and operation in progress", NULL},
    {"", "", "Running", ",'snapshotInProgress':'x'", 1, "InProgress",
     "Source not locked snapshot \"x\" in progress", NULL},
    {"", "", "Running", ",'restoreInProgress':'r'", 1, "InProgress",
     "Source not locked restore \"r\" in progress", NULL},
    {"", "", "Paused", "", 1, "InProgress", "Source not locked", NULL},
    {"", "'lull.dev/require':'much'", "Running", "", 1, "Failed", "Operation failed", "lull.dev/require:"},
    {"", "'lull.dev/exclude-volumes':'vdz'", "Running", "", 1, "Failed", "Operation failed",
     "lull.dev/exclude-volumes: VM larry has no volume \"vdz\""},
    /* nothing but the configuration is left, as the user wants it */
    {"", "'lull.dev/exclude-volumes':'vda'", "Running", "", 1, "InProgress", "Source not locked", NULL},
    {"", "", "Running", ",'volumeSnapshotStatuses':[{'name':'vda','enabled':false,'reason':'encrypted'}]", 1,
     "Failed", "Operation failed", "VM larry has no volume that can be saved (vda: encrypted)"},
};

START_TEST(test_tells_how_it_stands_with_the_source)
{
    LullJson *source = sources[_i].vm_state ? vm(sources[_i].vm_state, sources[_i].vm_status) : NULL;
    g_autoptr(LullSnapshotView) view = lull_snapshot_view_new(
        snapshot(sources[_i].spec, sources[_i].annotations, ""), NULL, source, at(sources[_i].now));

    ck_assert_str_eq(phase(view), sources[_i].phase);
    ck_assert_str_eq(progressing(view), sources[_i].progressing);
    if (!sources[_i].failure)
        ck_assert_ptr_null(view->failure);
    else
        ck_assert_msg(g_str_has_prefix(view->failure, sources[_i].failure), "%s", view->failure);
}
END_TEST

START_TEST(test_a_failure_is_the_third_condition_and_stays)
{
    g_autoptr(LullSnapshotView) first =
        lull_snapshot_view_new(snapshot("", "", ""), NULL, vm("Running", ""), at(301));
    LullJson *object = snapshot("", "", "");
    LullJson *conditions = lull_json_array(first->status, "conditions");
    g_autoptr(LullSnapshotView) later = NULL;

    ck_assert_uint_eq(json_object_array_length(conditions), 3);
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(conditions, 2), "type", ""), "Failure");
    lull_json_take(object, "status", lull_json_dup(first->status));
    later = lull_snapshot_view_new(object, NULL, vm("Running", ""), at(302));
    ck_assert(later->failed && !later->status_stale);
}
END_TEST

START_TEST(test_a_cut_makes_it_succeeded_with_what_the_report_says)
{
    g_autoptr(LullSnapshotView) view = lull_snapshot_view_new(
        snapshot("", "", ""), content("cut", "{'creationTime':'2026-03-01T10:00:02Z','readyToUse':false}"),
        vm("Running", ""), at(3));
    LullJson *volumes = lull_json_object(view->status, "snapshotVolumes");

    ck_assert(view->succeeded && view->report_stale);
    ck_assert_str_eq(phase(view), "Succeeded");
    ck_assert_str_eq(progressing(view), "Operation complete");
    ck_assert_str_eq(lull_json_string(view->status, "creationTime", ""), "2026-03-01T10:00:02Z");
    ck_assert_str_eq(lull_json_to_line(volumes),
                     "{\"includedVolumes\":[\"vda\"],\"excludedVolumes\":[\"cdrom\"]}");
    ck_assert_str_eq(lull_json_to_line(lull_json_array(view->status, "indications")),
                     "[\"GuestAgent\",\"Online\"]");
    ck_assert_ptr_nonnull(strstr(lull_json_to_line(lull_json_array(view->status, "sourceIndications")),
                                 "Guest agent was active"));
}
END_TEST

/* The content's status tells of it a while later, and of the attempt before till then. */
START_TEST(test_a_cut_is_known_by_what_was_written_down_of_it)
{
    static const char *const statuses[] = {
        "{}", "{'readyToUse':false}",
        "{'readyToUse':false,'error':{'time':'2026-03-01T10:00:01Z','message':'not quiesced'}}"};
    LullJson *object = content("cut", statuses[_i]);
    g_autoptr(LullSnapshotView) view = NULL;

    lull_json_set_string(lull_json_at(object, "metadata", "annotations", NULL), "lull.dev/attempt",
                         "{\"stage\":\"cut\",\"number\":1,\"time\":\"2026-03-01T10:00:02Z\"}");
    view = lull_snapshot_view_new(snapshot("", "", ""), object, vm("Running", ""), at(3));
    ck_assert(view->succeeded);
    ck_assert_str_eq(phase(view), "Succeeded");
    ck_assert_str_eq(progressing(view), "Operation complete");
    ck_assert_str_eq(lull_json_string(view->status, "creationTime", ""), "2026-03-01T10:00:02Z");
    ck_assert_ptr_null(lull_json_object(view->status, "error"));
}
END_TEST

#define TPM "{'domain':{'devices':{'tpm':{'persistent':true}}},'volumes':[{'name':'vda'},{'name':'cdrom'}]}"

START_TEST(test_what_a_tpm_held_is_missed)
{
    LullJson *cut = content("cut", "{'creationTime':'2026-03-01T10:00:02Z','readyToUse':false}");
    LullJson *captured = lull_json_at(cut, "spec", "source", "virtualMachine", NULL);
    g_autoptr(LullSnapshotView) view = NULL;

    lull_json_take(captured, "metadata", json("{'name':'larry'}"));
    lull_json_take(lull_json_at(captured, "spec", "template", NULL), "spec", json(TPM));
    view = lull_snapshot_view_new(snapshot("", "", ""), cut, vm("Running", ""), at(3));
    ck_assert_str_eq(lull_json_to_line(lull_json_object(view->status, "snapshotVolumes")),
                     "{\"includedVolumes\":[\"vda\"],"
                     "\"excludedVolumes\":[\"cdrom\",\"persistent-state-for-larry\"]}");
    ck_assert_str_eq(lull_json_to_line(lull_json_array(view->status, "indications")),
                     "[\"GuestAgent\",\"Online\",\"PartialSnapshot\"]");
}
END_TEST

static const struct {
    const char *volumes;
    const char *statuses;
    gboolean fails;
} with_tpm[] = {
    {"", "", FALSE},
    {"{'name':'vda','persistentVolumeClaim':{}}", "{'name':'vda','enabled':true},", FALSE},
    {"{'name':'vda','persistentVolumeClaim':{}}", "{'name':'vda','enabled':false,'reason':'network'},", TRUE},
};

START_TEST(test_what_a_tpm_holds_alone_fails_no_snapshot)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'larry','uid':'v1'},'spec':{'template':{'spec':{'volumes':[%s],"
                        "'domain':{'devices':{'tpm':{'persistent':true}}}}}},"
                        "'status':{'printableStatus':'Running','volumeSnapshotStatuses':"
                        "[%s{'name':'persistent-state-for-larry','enabled':false,'reason':'apart'}]}}",
                        with_tpm[_i].volumes, with_tpm[_i].statuses);
    g_autoptr(LullSnapshotView) view = lull_snapshot_view_new(snapshot("", "", ""), NULL, json(text), at(1));

    ck_assert_int_eq(view->failed, with_tpm[_i].fails);
}
END_TEST

START_TEST(test_a_sealed_content_makes_it_ready_and_one_taken_away_makes_it_not)
{
    g_autoptr(LullSnapshotView) ready = lull_snapshot_view_new(
        snapshot("", "", ""), content("sealed", "{'creationTime':'2026-03-01T10:00:02Z','readyToUse':true}"),
        vm("Running", ""), at(3));
    LullJson *object = snapshot("", "", "");
    g_autoptr(LullSnapshotView) lost = NULL;

    ck_assert(lull_json_bool(ready->status, "readyToUse", FALSE));
    lull_json_take(object, "status", lull_json_dup(ready->status));
    lost = lull_snapshot_view_new(object, NULL, vm("Running", ""), at(4));
    ck_assert_str_eq(phase(lost), "Succeeded");
    ck_assert(!lull_json_bool(lost->status, "readyToUse", TRUE));
    ck_assert_str_eq(progressing(lost), "In error state");
}
END_TEST

/* Who waits for it waits no longer; the instant was taken all the same. */
START_TEST(test_data_that_were_lost_before_they_were_stored_are_a_failure)
{
    g_autoptr(LullSnapshotView) view = lull_snapshot_view_new(
        snapshot("", "", ""),
        content("broken", "{'creationTime':'2026-03-01T10:00:02Z','readyToUse':false,"
                          "'error':{'time':'2026-03-01T10:00:03Z','message':'the guest stopped'}}"),
        vm("Stopped", ""), at(4));
    LullJson *object = snapshot("", "", "");
    g_autoptr(LullSnapshotView) later = NULL;

    ck_assert(view->succeeded && !view->failed);
    ck_assert_str_eq(phase(view), "Succeeded");
    ck_assert_str_eq(progressing(view), "In error state");
    ck_assert(!lull_json_bool(view->status, "readyToUse", TRUE));
    lull_json_take(object, "status", lull_json_dup(view->status));
    ck_assert(lull_condition_is(object, "Failure", TRUE));
    ck_assert_str_eq(lull_condition_reason(object, "Failure"), "the data are lost");
    later = lull_snapshot_view_new(
        object,
        content("broken", "{'creationTime':'2026-03-01T10:00:02Z','readyToUse':false,"
                          "'error':{'time':'2026-03-01T10:00:03Z','message':'the guest stopped'}}"),
        vm("Stopped", ""), at(5));
    ck_assert(!later->status_stale);
}
END_TEST

START_TEST(test_an_error_of_the_content_shows_and_goes_with_it)
{
    g_autoptr(LullSnapshotView) bad = lull_snapshot_view_new(
        snapshot("", "", ""),
        content("failed", "{'readyToUse':false,'error':{'time':'2026-03-01T10:00:02Z','message':'full'}}"),
        vm("Running", ",'snapshotInProgress':'snap'"), at(3));
    LullJson *object = snapshot("", "", "");
    g_autoptr(LullSnapshotView) good = NULL;

    ck_assert_str_eq(phase(bad), "InProgress");
    ck_assert_str_eq(progressing(bad), "In error state");
    lull_json_take(object, "status", lull_json_dup(bad->status));
    good = lull_snapshot_view_new(object, content("begun", "{'readyToUse':false}"),
                                  vm("Running", ",'snapshotInProgress':'snap'"), at(4));
    ck_assert_ptr_null(lull_json_object(good->status, "error"));
    ck_assert_str_eq(progressing(good), "Source locked and operation in progress");
}
END_TEST

START_TEST(test_a_level_not_reached_fails_it)
{
    g_autoptr(LullSnapshotView) view = lull_snapshot_view_new(
        snapshot("", "'lull.dev/require':'fs'", ""),
        content("refused", "{'readyToUse':false,'error':{'time':'2026-03-01T10:00:02Z','message':'m'}}"),
        vm("Running", ",'snapshotInProgress':'snap'"), at(3));

    ck_assert_str_eq(phase(view), "Failed");
    ck_assert_str_eq(view->failure, "required level not reached");
    ck_assert(view->report_stale);
}
END_TEST

/* The content's status, and what was mirrored of it, may tell of the attempt before still. */
START_TEST(test_a_failure_tells_what_came_of_the_last_attempt_and_keeps_to_that)
{
    static const char old[] = "{'readyToUse':false,'error':{'time':'2026-03-01T10:00:02Z','message':'old'}}";
    LullJson *refused = content("refused", old);
    LullJson *failed = snapshot("", "", "");
    g_autofree char *mirrored = g_strdup_printf(",'status':%s", old);
    g_autoptr(LullSnapshotView) first = NULL;
    g_autoptr(LullSnapshotView) later = NULL;

    lull_json_set_string(lull_json_at(refused, "metadata", "annotations", NULL), "lull.dev/attempt",
                         "{\"stage\":\"refused\",\"number\":2,\"error\":\"last\"}");
    first = lull_snapshot_view_new(snapshot("", "", mirrored), refused, vm("Running", ""), at(3));
    ck_assert_str_eq(lull_json_string(lull_json_object(first->status, "error"), "message", ""), "last");
    lull_json_take(failed, "status", lull_json_dup(first->status));
    later = lull_snapshot_view_new(failed, content("given-up", old), vm("Running", ""), at(4));
    ck_assert(later->failed && !later->status_stale);
}
END_TEST

/* Of one that is deleted before it was taken; what it had said before stays. */
static const struct {
    const char *status; /* of the snapshot */
    const char *stage;  /* of the content; NULL: none */
    const char *content;
    const char *volumes; /* of the VM; NULL: no such VM */
    int now;
    const char *phase, *progressing;
} deletions[] = {
    {"", NULL, NULL, NULL, 1, "Deleting", "VM snapshot is deleting"},
    {"", NULL, NULL, "", 1, "Deleting", "VM snapshot is deleting"},
    {"", NULL, NULL, ",'snapshotInProgress':'x'", 1, "Deleting", "VM snapshot is deleting"},
    {",'status':{'phase':'InProgress','readyToUse':false}", "begun", "{'readyToUse':false}",
     ",'snapshotInProgress':'snap'", 1, "Deleting", "VM snapshot is deleting"},
    {",'status':{'phase':'Deleting','readyToUse':false}", NULL, NULL, "", 1, "Deleting",
     "VM snapshot is deleting"},
    /* a deadline is one until it is gone */
    {"", "begun", "{'readyToUse':false}", ",'snapshotInProgress':'snap'", 299, "Deleting",
     "VM snapshot is deleting"},
    {"", "begun", "{'readyToUse':false}", ",'snapshotInProgress':'snap'", 301, "Failed", "Operation failed"},
    {",'status':{'phase':'Deleting','readyToUse':false}", NULL, NULL, "", 301, "Failed", "Operation failed"},
    /* nothing else makes it fail */
    {"", "given-up", "{'readyToUse':false}", ",'snapshotInProgress':'snap'", 1, "Deleting",
     "VM snapshot is deleting"},
    {"", "failed", "{'readyToUse':false,'error':{'time':'2026-03-01T10:00:02Z','message':'full'}}",
     ",'snapshotInProgress':'snap'", 1, "Deleting", "In error state"},
    {"", "cut", "{'readyToUse':false,'creationTime':'2026-03-01T10:00:02Z'}", "", 3, "Succeeded",
     "Operation complete"},
    {",'status':{'phase':'Succeeded','readyToUse':true}", "sealed",
     "{'readyToUse':true,'creationTime':'2026-03-01T10:00:02Z'}", "", 3, "Succeeded", "Operation complete"},
    {",'status':{'phase':'Failed','readyToUse':false,'error':{'message':'no'},'conditions':[{'type':'Failure'"
     ","
     "'status':'True','reason':'no'}]}",
     "begun", "{'readyToUse':false}", "", 3, "Failed", "Operation failed"},
};

START_TEST(test_one_that_is_deleted_says_so_unless_it_has_come_to_its_end_before)
{
    LullJson *object = snapshot("", "", deletions[_i].status);
    LullJson *going = lull_json_dup(object);
    LullJson *stored = deletions[_i].stage ? content(deletions[_i].stage, deletions[_i].content) : NULL;
    LullJson *source = deletions[_i].volumes ? vm("Running", deletions[_i].volumes) : NULL;
    g_autoptr(LullSnapshotView) view = NULL;
    g_autoptr(LullSnapshotView) alone = NULL;

    lull_json_set_string(lull_json_object(object, "metadata"), "deletionTimestamp", CREATED);
    lull_json_set_string(lull_json_object(going, "metadata"), "deletionTimestamp", CREATED);
    view = lull_snapshot_view_new(object, stored, source, at(deletions[_i].now));
    ck_assert_str_eq(phase(view), deletions[_i].phase);
    ck_assert_str_eq(progressing(view), deletions[_i].progressing);
    /* and goes on saying so once its content is gone */
    lull_json_take(going, "status", lull_json_dup(view->status));
    alone = lull_snapshot_view_new(going, NULL, vm("Running", ""), at(deletions[_i].now + 1));
    ck_assert_str_eq(phase(alone), deletions[_i].phase);
    ck_assert(alone->deleting && !alone->report_stale && !alone->progress_stale);
}
END_TEST

START_TEST(test_a_failed_one_is_not_revived_by_a_late_cut)
{
    g_autoptr(LullSnapshotView) view = lull_snapshot_view_new(
        snapshot("", "",
                 ",'status':{'phase':'Failed','readyToUse':false,'conditions':[{'type':'Failure',"
                 "'status':'True','reason':'snapshot deadline exceeded'}]}"),
        content("sealed", "{'creationTime':'2026-03-01T10:00:02Z','readyToUse':true}"), vm("Running", ""),
        at(3));

    ck_assert(view->failed && !view->succeeded);
    ck_assert_str_eq(phase(view), "Failed");
    ck_assert(!lull_json_bool(view->status, "readyToUse", TRUE));
    ck_assert_ptr_null(lull_json_at(view->status, "creationTime", NULL));
}
END_TEST

#define HELD ",'snapshotInProgress':'snap'"
#define SAID "'error':{'time':'2026-03-01T10:00:02Z','message':'it said why'}"

/* Every way to fail. */
static const struct {
    const char *spec, *annotations, *status; /* of the snapshot */
    const char *stage, *content;             /* of the content and its status; NULL: none */
    const char *volumes;                     /* of the VM; NULL: no such VM */
    const char *error;                       /* how it begins */
} failures[] = {
    {",'failureDeadline':1", "", "", NULL, NULL, NULL, "snapshot deadline exceeded"},
    {",'failureDeadline':1", "", "", NULL, NULL, "", "snapshot deadline exceeded"},
    {",'failureDeadline':1", "", "", NULL, NULL, ",'snapshotInProgress':'x'", "snapshot deadline exceeded"},
    {",'failureDeadline':1", "", "", "begun", NULL, HELD, "snapshot deadline exceeded"},
    {",'failureDeadline':1", "", "", "begun", "'readyToUse':false", HELD, "snapshot deadline exceeded"},
    {",'failureDeadline':1", "", "", "failed", SAID, HELD, "it said why"},
    {"", "'lull.dev/require':'much'", "", NULL, NULL, "", "lull.dev/require: "},
    {"", "'lull.dev/exclude-volumes':','", "", NULL, NULL, "", "lull.dev/exclude-volumes: "},
    {"", "'lull.dev/exclude-volumes':'vdz'", "", NULL, NULL, "", "lull.dev/exclude-volumes: VM larry has no"},
    {"", "", "", NULL, NULL, ",'volumeSnapshotStatuses':[{'name':'vda','enabled':false}]",
     "VM larry has no volume that can be saved"},
    {"", "", "", "refused", "'readyToUse':false", HELD, "required level not reached"},
    {"", "", "", "refused", SAID, HELD, "it said why"},
    {"", "", "", "given-up", "'readyToUse':false", HELD, "the cut failed"},
    {"", "", "", "given-up", SAID, HELD, "it said why"},
    {"", "", ",'status':{'phase':'Failed'}", NULL, NULL, "", "unknown"},
    {"", "", ",'status':{'phase':'Failed','conditions':[{'type':'Failure','status':'True','reason':'no'}]}",
     "begun", "'readyToUse':false", HELD, "no"},
};

static LullSnapshotView *
view_failure(int i, LullJson *status, gboolean with_content, int now)
{
    LullJson *object = snapshot(failures[i].spec, failures[i].annotations, failures[i].status);
    g_autofree char *kept =
        g_strdup_printf("{%s}", failures[i].content ? failures[i].content : "'readyToUse':false");
    LullJson *stored = with_content && failures[i].stage ? content(failures[i].stage, kept) : NULL;

    if (stored && !failures[i].content)
        json_object_object_del(stored, "status");
    if (status)
        lull_json_take(object, "status", lull_json_dup(status));
    return lull_snapshot_view_new(object, stored,
                                  failures[i].volumes ? vm("Running", failures[i].volumes) : NULL, at(now));
}

START_TEST(test_every_failure_has_an_error_that_stays)
{
    g_autoptr(LullSnapshotView) first = view_failure(_i, NULL, TRUE, 3);
    g_autoptr(LullSnapshotView) again = view_failure(_i, first->status, TRUE, 4);
    g_autoptr(LullSnapshotView) alone = view_failure(_i, first->status, FALSE, 5);
    LullJson *error = lull_json_object(first->status, "error");

    ck_assert_str_eq(phase(first), "Failed");
    ck_assert_msg(g_str_has_prefix(lull_json_string(error, "message", ""), failures[_i].error), "%s",
                  lull_json_to_line(first->status));
    ck_assert_ptr_nonnull(lull_json_string(error, "time", NULL));
    ck_assert(!again->status_stale && !alone->status_stale);
}
END_TEST

START_TEST(test_what_a_failed_one_says_besides_does_not_hide_that_it_failed)
{
    g_autoptr(LullSnapshotView) plain = view_failure(0, NULL, TRUE, 3);
    g_autoptr(LullSnapshotView) said = view_failure(5, NULL, TRUE, 3);

    ck_assert_str_eq(progressing(plain), "Operation failed");
    ck_assert_str_eq(progressing(said), "In error state");
    ck_assert_str_eq(said->failure, "snapshot deadline exceeded");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("snapshot-view");
    TCase *tcase = tcase_create("snapshot-view");

    tcase_add_test(tcase, test_a_new_snapshot_gets_phase_and_two_conditions);
    tcase_add_test(tcase, test_the_status_written_is_not_stale_any_more);
    tcase_add_loop_test(tcase, test_tells_how_it_stands_with_the_source, 0, G_N_ELEMENTS(sources));
    tcase_add_test(tcase, test_a_failure_is_the_third_condition_and_stays);
    tcase_add_test(tcase, test_a_cut_makes_it_succeeded_with_what_the_report_says);
    tcase_add_loop_test(tcase, test_a_cut_is_known_by_what_was_written_down_of_it, 0, 3);
    tcase_add_test(tcase, test_what_a_tpm_held_is_missed);
    tcase_add_loop_test(tcase, test_what_a_tpm_holds_alone_fails_no_snapshot, 0, G_N_ELEMENTS(with_tpm));
    tcase_add_test(tcase, test_a_sealed_content_makes_it_ready_and_one_taken_away_makes_it_not);
    tcase_add_test(tcase, test_data_that_were_lost_before_they_were_stored_are_a_failure);
    tcase_add_test(tcase, test_an_error_of_the_content_shows_and_goes_with_it);
    tcase_add_test(tcase, test_a_level_not_reached_fails_it);
    tcase_add_test(tcase, test_a_failure_tells_what_came_of_the_last_attempt_and_keeps_to_that);
    tcase_add_loop_test(tcase, test_one_that_is_deleted_says_so_unless_it_has_come_to_its_end_before, 0,
                        G_N_ELEMENTS(deletions));
    tcase_add_test(tcase, test_a_failed_one_is_not_revived_by_a_late_cut);
    tcase_add_loop_test(tcase, test_every_failure_has_an_error_that_stays, 0, G_N_ELEMENTS(failures));
    tcase_add_test(tcase, test_what_a_failed_one_says_besides_does_not_hide_that_it_failed);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
