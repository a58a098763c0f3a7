/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/news.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define PROGRESSING(reason) "'conditions':[{'type':'Progressing','status':'False','reason':'" reason "'}]"
#define FAILURE(reason)     "'conditions':[{'type':'Failure','status':'True','reason':'" reason "'}]"
#define ERROR(message)      "'error':{'message':'" message "'}"

/* {'metadata':..., 'status': the members of @status, or none}, and the status that is to come. */
static LullJson *
object_with(const char *more, const char *status)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'it'}%s%s%s%s}", more, status ? ",'status':{" : "",
                        status ? status : "", status ? "}" : "");

    return json(text);
}

static LullJson *
status_of(const char *members)
{
    g_autofree char *text = g_strdup_printf("{%s}", members);

    return json(text);
}

/* A line each: "Normal VirtualMachineSnapshot Reason: message". */
static char *
lines_of(GPtrArray *news)
{
    GString *lines = g_string_new(NULL);

    for (guint i = 0; i < news->len; i++) {
        const LullNews *each = (const LullNews *)g_ptr_array_index(news, i);

        ck_assert_ptr_nonnull(lull_meta_name(each->object));
        g_string_append_printf(lines, "%s%s %s %s: %s", i ? "\n" : "",
                               each->type == LULL_EVENT_WARNING ? "Warning" : "Normal", each->kind->singular,
                               each->reason, each->message);
    }
    return g_string_free(lines, FALSE);
}

#define VMS  "virtualmachinesnapshot "
#define VMSC "virtualmachinesnapshotcontent "
#define VMR  "virtualmachinerestore "

static const struct {
    const char *before, *after;
    LullSnapshotVerb verb;
    const char *told;
    const char *report;
    gboolean deleting, sparing;
} snapshots[] = {
    {NULL, "", LULL_SNAPSHOT_CREATE_CONTENT,
     "Normal " VMS "SuccessfulVirtualMachineSnapshotContentCreate: Successfully created "
     "VirtualMachineSnapshotContent content-1"},
    {NULL, "'phase':'InProgress'," PROGRESSING("Source locked and operation in progress"), LULL_SNAPSHOT_LOCK,
     ""},
    {NULL, "'phase':'InProgress'," PROGRESSING("Source not locked snapshot \\'x\\' in progress"),
     LULL_SNAPSHOT_WRITE_STATUS,
     "Normal " VMS "VirtualMachineSnapshotWaiting: Source not locked snapshot \"x\" in progress"},
    {PROGRESSING("Source does not exist"), PROGRESSING("Source does not exist"), LULL_SNAPSHOT_WRITE_STATUS,
     ""},
    {"'phase':'InProgress'", "'phase':'Succeeded'", LULL_SNAPSHOT_WRITE_STATUS,
     "Normal " VMS "VirtualMachineSnapshotComplete: Successfully completed VirtualMachineSnapshot snap"},
    {"'phase':'InProgress','readyToUse':false", "'phase':'Succeeded','readyToUse':true",
     LULL_SNAPSHOT_WRITE_STATUS,
     "Normal " VMS
     "VirtualMachineSnapshotComplete: Successfully completed VirtualMachineSnapshot snap: level "
     "fs, proof held\n"
     "Normal " VMS "VirtualMachineSnapshotReady: VirtualMachineSnapshot snap is ready to use",
     .report = "{\"level\":\"fs\",\"proof\":\"held\"}"},
    {"'phase':'InProgress','readyToUse':false", "'phase':'Succeeded','readyToUse':true",
     LULL_SNAPSHOT_WRITE_STATUS,
     "Normal " VMS
     "VirtualMachineSnapshotReady: VirtualMachineSnapshot snap is ready to use: level fs, proof held",
     .report = "{\"level\":\"fs\",\"proof\":\"held\"}", .sparing = TRUE},
    {"'phase':'InProgress','readyToUse':false", "'phase':'Succeeded','readyToUse':false",
     LULL_SNAPSHOT_WRITE_STATUS,
     "Normal " VMS "VirtualMachineSnapshotComplete: Successfully completed VirtualMachineSnapshot snap",
     .sparing = TRUE},
    {"'phase':'Succeeded','readyToUse':false", "'phase':'Succeeded','readyToUse':true",
     LULL_SNAPSHOT_WRITE_STATUS,
     "Normal " VMS "VirtualMachineSnapshotReady: VirtualMachineSnapshot snap is ready to use",
     .report = "{\"level\":\"fs\",\"proof\":\"held\"}", .sparing = TRUE},
    {"'phase':'Succeeded','readyToUse':true",
     "'phase':'Succeeded','readyToUse':false," ERROR("VolumeSnapshots missing: vda"),
     LULL_SNAPSHOT_WRITE_STATUS,
     "Warning " VMS "VirtualMachineSnapshotNotReady: VirtualMachineSnapshot snap cannot be used any more\n"
     "Warning " VMS "VirtualMachineSnapshotError: VirtualMachineSnapshot encountered error VolumeSnapshots "
     "missing: vda"},
    {"'phase':'Succeeded','readyToUse':true", "'phase':'Succeeded','readyToUse':false",
     LULL_SNAPSHOT_WRITE_STATUS, "", .deleting = TRUE},
    {ERROR("no room"), ERROR("no room"), LULL_SNAPSHOT_WRITE_STATUS, ""},
    {ERROR("no room"), "", LULL_SNAPSHOT_WRITE_STATUS, ""},
    {ERROR("no room"), "'phase':'Failed'," FAILURE("snapshot deadline exceeded"), LULL_SNAPSHOT_WRITE_STATUS,
     "Warning " VMS "VirtualMachineSnapshotFailed: VirtualMachineSnapshot failed snapshot deadline exceeded"},
    {"'phase':'InProgress'", "'phase':'Failed'," ERROR("it said why") "," FAILURE("the cut failed"),
     LULL_SNAPSHOT_WRITE_STATUS,
     "Warning " VMS "VirtualMachineSnapshotFailed: VirtualMachineSnapshot failed the cut failed"},
    {"'phase':'Succeeded'", "'phase':'Failed'", LULL_SNAPSHOT_WRITE_REPORT, ""},
};

START_TEST(a_snapshot_tells_what_became_of_it)
{
    LullSnapshotView view = {.name = (char *)"snap",
                             .content_name = (char *)"content-1",
                             .report = (char *)snapshots[_i].report,
                             .deleting = snapshots[_i].deleting,
                             .sparing = snapshots[_i].sparing};
    g_autoptr(LullJson) object = object_with("", snapshots[_i].before);
    g_autoptr(LullJson) status = status_of(snapshots[_i].after);
    g_autoptr(GPtrArray) news = NULL;
    g_autofree char *lines = NULL;

    view.snapshot = object;
    view.status = status;
    news = lull_snapshot_news(&view, snapshots[_i].verb);
    lines = lines_of(news);
    ck_assert_str_eq(lines, snapshots[_i].told);
}
END_TEST

static const char content_more[] =
    ",'spec':{'source':{'virtualMachine':{'metadata':{'name':'larry'}}},'volumeBackups':["
    "{'volumeSnapshotName':'vs-a'},{'volumeSnapshotName':'vs-b'}]}";

static const struct {
    LullContentStage stage;
    const char *before, *after, *report;
    gboolean unquiesced;
    const char *told;
    gboolean sparing;
} contents[] = {
    {LULL_CONTENT_NEW, NULL, "'readyToUse':false", NULL, FALSE, ""},
    {LULL_CONTENT_CUT, "'readyToUse':false", "'creationTime':'2026-03-01T10:00:00Z'",
     "{\"attempt\":1,\"agent\":\"lull-agent 0.1.0\",\"proof\":\"held\"}", FALSE,
     "Normal " VMSC "SuccessfulVolumeSnapshotCreate: Successfully created VolumeSnapshot vs-a\n"
     "Normal " VMSC "SuccessfulVolumeSnapshotCreate: Successfully created VolumeSnapshot vs-b"},
    {LULL_CONTENT_CUT, NULL, "'creationTime':'2026-03-01T10:00:00Z'",
     "{\"attempt\":1,\"agent\":\"lull-agent 0.1.0\",\"proof\":\"held\"}", FALSE,
     "Normal " VMSC
     "SuccessfulVolumeSnapshotCreate: Successfully created VolumeSnapshot vs-a, VolumeSnapshot vs-b",
     .sparing = TRUE},
    {LULL_CONTENT_FAILED, "", ERROR("attempt 1 was not quiesced: thawed"),
     "{\"attempt\":1,\"agent\":\"qemu-ga\",\"proof\":\"broken\",\"proofReason\":\"thawed\"}", FALSE,
     "Warning virtualmachine FreezeError: Failed to freeze VMI: thawed\n"
     "Warning " VMSC "VirtualMachineSnapshotContentError: VirtualMachineSnapshotContent encountered error "
     "attempt 1 was not quiesced: thawed"},
    {LULL_CONTENT_FAILED, "", ERROR("no room"),
     "{\"attempt\":0,\"agent\":\"qemu-ga\",\"proof\":\"broken\",\"proofReason\":\"of one before\"}", FALSE,
     "Warning " VMSC "VirtualMachineSnapshotContentError: VirtualMachineSnapshotContent encountered error no "
     "room"},
    {LULL_CONTENT_REFUSED, "", ERROR("required level not reached"),
     "{\"attempt\":1,\"agent\":null,\"proof\":\"none\",\"proofReason\":\"nobody is there\"}", FALSE,
     "Warning " VMSC "VirtualMachineSnapshotContentError: VirtualMachineSnapshotContent encountered error "
     "required level not reached"},
    {LULL_CONTENT_SEALED, "'creationTime':'t'", "'creationTime':'t','readyToUse':false",
     "{\"attempt\":1,\"agent\":\"qemu-ga\",\"proof\":\"none\",\"proofReason\":\"given up\"}", TRUE, ""},
    {LULL_CONTENT_CUT, "", "'creationTime':'t'",
     "{\"attempt\":1,\"agent\":\"qemu-ga\",\"proof\":\"none\",\"proofReason\":\"given up\"}", TRUE,
     "Normal " VMSC "SuccessfulVolumeSnapshotCreate: Successfully created VolumeSnapshot vs-a\n"
     "Normal " VMSC "SuccessfulVolumeSnapshotCreate: Successfully created VolumeSnapshot vs-b"},
    {LULL_CONTENT_BROKEN, "'creationTime':'t'", "'creationTime':'t'," ERROR("the copy is gone"), NULL, FALSE,
     "Warning " VMSC "VolumeSnapshotMissing: VolumeSnapshot vs-a no longer exists\n"
     "Warning " VMSC "VolumeSnapshotMissing: VolumeSnapshot vs-b no longer exists\n"
     "Warning " VMSC
     "VirtualMachineSnapshotContentError: VirtualMachineSnapshotContent encountered error the "
     "copy is gone"},
    {LULL_CONTENT_SEALED, "'creationTime':'t','readyToUse':true",
     "'creationTime':'t','readyToUse':false," ERROR("VolumeSnapshots missing: vda"), NULL, FALSE,
     "Warning " VMSC "VolumeSnapshotMissing: VolumeSnapshots missing: vda"},
    {LULL_CONTENT_CUT, "'creationTime':'t'", "'creationTime':'t'," ERROR("not sealed: disk full"), NULL,
     FALSE,
     "Warning " VMSC
     "VirtualMachineSnapshotContentError: VirtualMachineSnapshotContent encountered error not "
     "sealed: disk full"},
};

START_TEST(a_content_tells_what_became_of_it)
{
    LullContentState state = {.number = 1, .unquiesced = contents[_i].unquiesced};
    LullContentView view = {.stage = contents[_i].stage, .state = &state, .sparing = contents[_i].sparing};
    g_autoptr(LullJson) object = object_with(content_more, contents[_i].before);
    g_autoptr(LullJson) status = status_of(contents[_i].after);
    g_autoptr(GPtrArray) news = NULL;
    g_autoptr(GPtrArray) silent = NULL;
    g_autofree char *lines = NULL;

    lull_json_set_string(lull_json_ensure(lull_json_object(object, "metadata"), "annotations"),
                         "lull.dev/quiesce-report", contents[_i].report);
    view.content = object;
    view.status = status;
    news = lull_content_news(&view, LULL_CONTENT_WRITE_STATUS);
    lines = lines_of(news);
    ck_assert_str_eq(lines, contents[_i].told);
    silent = lull_content_news(&view, LULL_CONTENT_START_SEAL);
    ck_assert_uint_eq(silent->len, 0);
}
END_TEST

/* Where the seal is told with the cut, by one write. */
START_TEST(a_content_that_is_sealed_by_its_status_tells_of_its_cut_too)
{
    LullContentState state = {.number = 1};
    LullContentView view = {.stage = LULL_CONTENT_CUT, .state = &state};
    g_autoptr(LullJson) object = object_with(content_more, NULL);
    g_autoptr(LullJson) status = status_of("'creationTime':'t','readyToUse':false");
    g_autoptr(LullJson) sealed = status_of("'creationTime':'t','readyToUse':true");
    g_autoptr(GPtrArray) silent = NULL;
    g_autoptr(GPtrArray) news = NULL;
    g_autofree char *lines = NULL;

    view.content = object;
    view.status = status;
    silent = lull_content_news(&view, LULL_CONTENT_RECORD_SEAL);
    ck_assert_uint_eq(silent->len, 0);
    view.sealed = sealed;
    news = lull_content_news(&view, LULL_CONTENT_RECORD_SEAL);
    lines = lines_of(news);
    ck_assert_str_eq(
        lines, "Normal " VMSC "SuccessfulVolumeSnapshotCreate: Successfully created VolumeSnapshot vs-a\n"
               "Normal " VMSC "SuccessfulVolumeSnapshotCreate: Successfully created VolumeSnapshot vs-b");
}
END_TEST

#define WAITING \
    "Waiting for target VM to be powered off. Please stop the restore target to proceed with restore"

static const struct {
    const char *before, *after;
    LullRestoreVerb verb;
    const char *problem, *start_error;
    const char *told;
    gboolean queued;
} restores[] = {
    {NULL, "'complete':false," PROGRESSING("Initializing VirtualMachineRestore"), LULL_RESTORE_WRITE_STATUS,
     NULL, NULL, ""},
    {"'complete':false", "'complete':false," PROGRESSING(WAITING), LULL_RESTORE_WRITE_STATUS, NULL, NULL,
     "Warning " VMR
     "RestoreTargetNotReady: Restore target VMI still exists, please stop the restore target to "
     "proceed with restore"},
    {"", "", LULL_RESTORE_SHUT_DOWN, NULL, NULL,
     "Normal " VMR "RestoreTargetNotReady: Automatically stopping restore target for restore operation"},
    {"", PROGRESSING("no such snapshot"), LULL_RESTORE_WRITE_STATUS, "no such snapshot", NULL,
     "Warning " VMR "VirtualMachineRestoreError: VirtualMachineRestore encountered error no such snapshot"},
    {PROGRESSING("no such snapshot"), PROGRESSING("no such snapshot"), LULL_RESTORE_WRITE_STATUS,
     "no such snapshot", NULL, ""},
    {"", PROGRESSING("vm restore other in progress"), LULL_RESTORE_WRITE_STATUS,
     "vm restore other in progress", NULL,
     "Normal " VMR "VirtualMachineRestoreWaiting: vm restore other in progress", .queued = TRUE},
    {PROGRESSING("vm restore other in progress"), PROGRESSING("vm restore other in progress"),
     LULL_RESTORE_WRITE_STATUS, "vm restore other in progress", NULL, "", .queued = TRUE},
    {"'complete':false", FAILURE("too late"), LULL_RESTORE_WRITE_STATUS, NULL, NULL,
     "Warning " VMR "Operation failed: VirtualMachineRestore failed too late"},
    {"'complete':false", "'complete':true," PROGRESSING("Operation complete"), LULL_RESTORE_WRITE_STATUS,
     NULL, NULL,
     "Normal " VMR "VirtualMachineRestoreComplete: Successfully completed VirtualMachineRestore back"},
    {"'complete':true", "'complete':true", LULL_RESTORE_WRITE_STATUS, NULL, NULL, ""},
    {"'complete':true", "'complete':true", LULL_RESTORE_RECORD_START, NULL, NULL, ""},
    {"'complete':true", "'complete':true", LULL_RESTORE_RECORD_START, NULL, "no memory",
     "Warning " VMR "RestoreTargetNotStarted: All is in place, but larry does not start again: no memory"},
};

START_TEST(a_restore_tells_what_became_of_it)
{
    LullRestoreView view = {.name = (char *)"back",
                            .target = (char *)"larry",
                            .problem = (char *)restores[_i].problem,
                            .queued = restores[_i].queued,
                            .start_error = (char *)restores[_i].start_error};
    g_autoptr(LullJson) object = object_with("", restores[_i].before);
    g_autoptr(LullJson) status = status_of(restores[_i].after);
    g_autoptr(GPtrArray) news = NULL;
    g_autofree char *lines = NULL;

    view.restore = object;
    view.status = status;
    news = lull_restore_news(&view, restores[_i].verb);
    lines = lines_of(news);
    ck_assert_str_eq(lines, restores[_i].told);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("news");
    TCase *tcase = tcase_create("news");

    tcase_add_loop_test(tcase, a_snapshot_tells_what_became_of_it, 0, G_N_ELEMENTS(snapshots));
    tcase_add_loop_test(tcase, a_content_tells_what_became_of_it, 0, G_N_ELEMENTS(contents));
    tcase_add_test(tcase, a_content_that_is_sealed_by_its_status_tells_of_its_cut_too);
    tcase_add_loop_test(tcase, a_restore_tells_what_became_of_it, 0, G_N_ELEMENTS(restores));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
