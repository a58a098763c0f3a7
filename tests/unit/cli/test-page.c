/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/page.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define NOON LULL_SEC(1772360430) /* 2026-03-01T10:20:30Z */

static LullReport *
report_of(const char *text)
{
    g_autofree char *copy = g_strdelimit(g_strdup(text), "'", '"');

    return lull_report_read(copy, NULL);
}

START_TEST(page_of_a_proven_snapshot_tells_it_all)
{
    g_autoptr(LullJson) snapshot =
        json("{'metadata':{'name':'snap-larry','creationTimestamp':'2026-03-01T10:15:00Z'},"
             "'spec':{'source':{'name':'larry'}},'status':{'phase':'Succeeded','readyToUse':true,"
             "'creationTime':'2026-03-01T10:15:30Z','indications':['Online','GuestAgent'],"
             "'conditions':[{'type':'Ready','status':'True','reason':'Ready'}],"
             "'snapshotVolumes':{'includedVolumes':['rootdisk'],'excludedVolumes':['cloudinit']}}}");
    g_autoptr(LullReport) report =
        report_of("{'agent':'lull-agent "
                  "0.1.0','level':'app','require':'crash','proof':'held','proofBy':'epoch','proofReason':'',"
                  "'witness':'quiet','prepareMs':12.1,'freezeMs':5,'cutMs':40,'thawMs':5,'windowMs':49.5,'"
                  "windowIs':'measured',"
                  "'volumes':[{'name':'rootdisk','disk':'vda','cutReceivedAtMs':45}],"
                  "'excluded':[{'name':'cloudinit','reason':'a CD-ROM'}],"
                  "'filesystems':[{'mountpoint':'/','type':'ext4','result':'frozen','reason':''},"
                  "{'mountpoint':'/mnt','type':'nfs','result':'skipped','reason':'a network file system'}],"
                  "'writers':[{'name':'postgresql','result':'held','holdMs':25.1,'message':''}]}");
    g_autofree char *page = lull_page_of_snapshot(snapshot, report, NULL, lull_machine_words(FALSE), NOON);

    ck_assert_str_eq(
        page, "snapshot/snap-larry\n"
              "  machine     larry\n"
              "  asked at    2026-03-01T10:15:00Z (5m30s ago)\n"
              "  taken       2026-03-01T10:15:30Z (5m ago)\n"
              "  phase       Succeeded\n"
              "  ready       yes\n"
              "  indications Online, GuestAgent\n"
              "  level       app: applications had brought their data to rest and file systems were whole\n"
              "  proof       held (by epoch): no write reached a disk from before the cut until after it\n"
              "  witness     quiet: the host counted no write on any cut disk while it was frozen\n"
              "  asked for   crash\n"
              "  agent       lull-agent 0.1.0\n"
              "\n"
              "Volumes\n"
              "  NAME        STATE      WHY\n"
              "  rootdisk    included\n"
              "  cloudinit   left out   a CD-ROM\n"
              "\n"
              "Freeze\n"
              "  prepare    12.1 ms  before anything was blocked\n"
              "                     |0                                          50.0 ms|\n"
              "  freeze      5.0 ms |#####                                             |\n"
              "  frozen     40.0 ms |     ========================================     |\n"
              "  cut        45.0 ms |                                             ^    | rootdisk\n"
              "  thaw        5.0 ms |                                             #####|\n"
              "  window     49.5 ms  measured, on the guest's clock\n"
              "\n"
              "File systems\n"
              "  MOUNTPOINT   TYPE   RESULT    WHY\n"
              "  /            ext4   frozen\n"
              "  /mnt         nfs    skipped   a network file system\n"
              "\n"
              "Writers\n"
              "  NAME         RESULT   HELD      MESSAGE\n"
              "  postgresql   held     25.1 ms\n");
}
END_TEST

START_TEST(page_of_a_failed_snapshot_says_why)
{
    g_autoptr(LullJson) snapshot =
        json("{'metadata':{'name':'s'},'spec':{'source':{'name':'larry'}},'status':{'phase':'Failed','"
             "readyToUse':false,'error':{'message':'required level not reached'},"
             "'conditions':[{'type':'Failure','status':'True','reason':'required level not reached'}]}}");
    g_autofree char *page = lull_page_of_snapshot(snapshot, NULL, NULL, lull_machine_words(FALSE), NOON);

    ck_assert_str_eq(page, "snapshot/s\n"
                           "  machine     larry\n"
                           "  phase       Failed\n"
                           "  ready       no\n"
                           "  failed      required level not reached\n"
                           "\n"
                           "What to do\n"
                           "  Mend what is said above, then take another one: lull snapshot larry --retry\n"
                           "  Nothing can be restored from this one: lull delete snapshot/s\n");
}
END_TEST

START_TEST(broken_freeze_is_not_dressed_up)
{
    g_autoptr(LullJson) snapshot = json("{'metadata':{'name':'s'}}");
    g_autoptr(LullReport) report = report_of(
        "{'agent':null,'level':'crash','proof':'broken','proofReason':'lease expired','witness':'noisy'}");
    g_autofree char *page = lull_page_of_snapshot(snapshot, report, NULL, lull_machine_words(FALSE), NOON);

    ck_assert_ptr_nonnull(strstr(page, "  level       crash: like a disk after a power cut"));
    ck_assert_ptr_nonnull(
        strstr(page, "  proof       broken (lease expired): writes may have reached a disk"));
    ck_assert_ptr_nonnull(strstr(page, "  witness     noisy: the host counted writes"));
    ck_assert_ptr_nonnull(strstr(page, "  agent       none\n"));
}
END_TEST

START_TEST(hostile_texts_stay_on_their_line)
{
    g_autoptr(LullJson) snapshot =
        json("{'metadata':{'name':'s\\n  proof held'},'spec':{'source':{'name':'\\u001b[2J'}},"
             "'status':{'phase':'x\\ny','indications':['a\\nb',7],'error':{'message':'1\\n2'},"
             "'snapshotVolumes':{'includedVolumes':['v\\n1',7,{}]}}}");
    g_autoptr(LullReport) report = report_of(
        "{'level':'app\\n  proof held','proof':'held\\u001b','filesystems':[{'mountpoint':'/\\n/','type':7}],"
        "'writers':[{'name':'w\\nx','message':'\\u001b'}]}");
    g_autofree char *page =
        lull_page_of_snapshot(snapshot, report, "cannot\nbe read", lull_machine_words(FALSE), NOON);
    g_auto(GStrv) lines = g_strsplit(page, "\n", 0);

    ck_assert_ptr_null(strchr(page, '\033'));
    ck_assert_uint_eq(g_strv_length(lines), 26);
}
END_TEST

START_TEST(page_of_a_restore_tells_from_what_and_to_where)
{
    g_autoptr(LullJson) restore =
        json("{'metadata':{'name':'r'},'spec':{'target':{'name':'larry'},'virtualMachineSnapshotName':'s'},"
             "'status':{'complete':true,'restoreTime':'2026-03-01T10:20:00Z',"
             "'restores':[{'volumeName':'rootdisk','persistentVolumeClaim':'larry-rootdisk'}]}}");
    g_autofree char *page = lull_page_of_restore(restore, NOON);

    ck_assert_str_eq(page, "restore/r\n"
                           "  machine     larry\n"
                           "  snapshot    s\n"
                           "  restored    2026-03-01T10:20:00Z (30s ago)\n"
                           "  complete    yes\n"
                           "\n"
                           "Volumes\n"
                           "  NAME       RESTORED AS\n"
                           "  rootdisk   larry-rootdisk\n");
}
END_TEST

START_TEST(the_last_events_come_last)
{
    g_autoptr(LullJson) list = json(
        "{'items':[{'type':'Warning','message':'later','count':12,'lastTimestamp':'2026-03-01T10:20:00Z'},"
        "{'type':'Normal','message':'1','count':1,'lastTimestamp':'2026-03-01T10:10:00Z'},"
        "{'type':'Normal','message':'2','count':1,'lastTimestamp':'2026-03-01T10:11:00Z'},"
        "{'type':'Normal','message':'0','count':1,'lastTimestamp':'2026-03-01T10:09:00Z'},"
        "{'type':'Normal','message':'3','count':1,'lastTimestamp':'2026-03-01T10:12:00Z'},"
        "{'type':'Normal','message':'4','count':1,'lastTimestamp':'2026-03-01T10:13:00Z'},7]}");
    g_autoptr(LullJson) none = json("{'items':[]}");
    g_autofree char *page = lull_page_of_events(list, NOON);
    g_autofree char *empty = lull_page_of_events(none, NOON);
    g_autofree char *nothing = lull_page_of_events(NULL, NOON);

    ck_assert_str_eq(page, "\nEvents\n"
                           "  10m     Normal               1\n"
                           "  9m30s   Normal               2\n"
                           "  8m30s   Normal               3\n"
                           "  7m30s   Normal               4\n"
                           "  30s     Warning   12 times   later\n");
    ck_assert_str_eq(empty, "");
    ck_assert_str_eq(nothing, "");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("page");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, page_of_a_proven_snapshot_tells_it_all);
    tcase_add_test(tests, page_of_a_failed_snapshot_says_why);
    tcase_add_test(tests, broken_freeze_is_not_dressed_up);
    tcase_add_test(tests, hostile_texts_stay_on_their_line);
    tcase_add_test(tests, page_of_a_restore_tells_from_what_and_to_where);
    tcase_add_test(tests, the_last_events_come_last);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
