/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/cases.h"

/* Cases of docs/compatibility.md, by their numbers: the life of a snapshot. */

static World world;

static void
set_up(void)
{
    world = (World){0};
    world_init(&world, 1);
}

static void
tear_down(void)
{
    world_clear(&world);
}

static LullJson *
snapshot(void)
{
    return world_get(&world, &lull_kind_snapshot, SNAP);
}

static const char *
owner_of_machine(void)
{
    g_autoptr(LullJson) vm = world_get(&world, &lull_kind_vm, "larry");

    return g_intern_string(lull_json_string(lull_json_object(vm, "status"), "snapshotInProgress", ""));
}

static void
check_new(const char *reason, gboolean knows_source)
{
    g_autoptr(LullJson) made = snapshot();
    LullJson *status = lull_json_object(made, "status");
    LullJson *conditions = lull_json_array(status, "conditions");

    ck_assert(lull_meta_has_finalizer(made, "snapshot.kubevirt.io/vmsnapshot-protection"));
    ck_assert_str_eq(cases_phase(made), "InProgress");
    ck_assert(!lull_json_bool(status, "readyToUse", TRUE));
    ck_assert_int_eq(lull_json_string(status, "sourceUID", NULL) != NULL, knows_source);
    ck_assert_uint_eq(json_object_array_length(conditions), 2);
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(conditions, 0), "type", ""), "Progressing");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(conditions, 1), "type", ""), "Ready");
    cases_condition(made, "Progressing", FALSE, reason);
    cases_condition(made, "Ready", FALSE, "Not ready");
}

START_TEST(s1_a_new_one_says_that_its_machine_is_not_locked_yet)
{
    world_take(&world, SNAP, "", "");
    cases_step(&world, LULL_SNAPSHOT_ADD_FINALIZER, "New");
    cases_step(&world, LULL_SNAPSHOT_WRITE_STATUS, "StatusDiffers");
    check_new("Source not locked", TRUE);
}
END_TEST

START_TEST(s2_a_new_one_without_a_machine_says_so)
{
    world_undefine(&world);
    world_take(&world, SNAP, "", "");
    cases_step(&world, LULL_SNAPSHOT_ADD_FINALIZER, "New");
    cases_step(&world, LULL_SNAPSHOT_WRITE_STATUS, "StatusDiffers");
    check_new("Source does not exist", FALSE);
    cases_step(&world, LULL_SNAPSHOT_WAIT, "NoSource");
}
END_TEST

/* The machine is locked next. */
static void
begin(const char *spec)
{
    world_take(&world, SNAP, "", spec);
    cases_step(&world, LULL_SNAPSHOT_ADD_FINALIZER, "New");
    cases_step(&world, LULL_SNAPSHOT_WRITE_STATUS, "StatusDiffers");
}

START_TEST(s3_with_the_lock_it_progresses_and_makes_the_content)
{
    g_autoptr(LullJson) locked = NULL;

    begin("");
    cases_step(&world, LULL_SNAPSHOT_LOCK, "SourceFree");
    cases_step(&world, LULL_SNAPSHOT_WRITE_STATUS, "StatusDiffers");
    locked = snapshot();
    cases_condition(locked, "Progressing", TRUE, "Source locked and operation in progress");
    cases_step(&world, LULL_SNAPSHOT_CREATE_CONTENT, "SourceOurs");
}
END_TEST

START_TEST(s4_one_that_succeeded_lets_its_machine_go)
{
    g_autoptr(LullJson) vm = NULL;

    world_take(&world, SNAP, "", "");
    cases_until_content(&world);
    cases_content_settles(&world);
    cases_step(&world, LULL_SNAPSHOT_WRITE_REPORT, "ReportThere");
    cases_step(&world, LULL_SNAPSHOT_WRITE_STATUS, "StatusDiffers");
    ck_assert_str_eq(owner_of_machine(), SNAP);
    cases_step(&world, LULL_SNAPSHOT_UNLOCK, "PointInTimeTaken");
    ck_assert_str_eq(owner_of_machine(), "");
    vm = world_get(&world, &lull_kind_vm, "larry");
    ck_assert_ptr_null(lull_json_array(lull_json_object(vm, "metadata"), "finalizers"));
    cases_step(&world, LULL_SNAPSHOT_WAIT, "Final");
}
END_TEST

START_TEST(s6_s7_one_that_is_deleted_keeps_its_machine_until_its_content_is_gone)
{
    g_autoptr(LullJson) going = NULL;
    g_autoptr(LullJson) content = NULL;

    world_take(&world, SNAP, "", "");
    cases_until_content(&world);
    world_delete(&world, &lull_kind_snapshot, SNAP);
    cases_step(&world, LULL_SNAPSHOT_WRITE_STATUS, "StatusDiffers");
    cases_step(&world, LULL_SNAPSHOT_DELETE_CONTENT, "SnapshotDeleted");
    going = snapshot();
    content = world_content(&world);
    ck_assert_str_eq(cases_phase(going), "Deleting");
    cases_condition(going, "Progressing", FALSE, "VM snapshot is deleting");
    ck_assert(lull_meta_is_deleting(content));
    cases_step(&world, LULL_SNAPSHOT_WAIT, "ContentIsGoing");
    ck_assert_str_eq(owner_of_machine(), SNAP);
    cases_content_settles(&world);
    cases_step(&world, LULL_SNAPSHOT_UNLOCK, "ContentGone");
    cases_step(&world, LULL_SNAPSHOT_REMOVE_FINALIZER, "SnapshotDeleted");
    cases_step(&world, LULL_SNAPSHOT_WAIT, "Gone");
    ck_assert_str_eq(fake_story(), "r"); /* nobody was asked for anything */
}
END_TEST

START_TEST(s8_a_content_that_is_ready_is_retained)
{
    g_autoptr(LullJson) content = NULL;

    world_take(&world, SNAP, "", ",'deletionPolicy':'Retain'");
    cases_until_content(&world);
    cases_content_settles(&world);
    cases_until_wait(&world, "Final");
    world_delete(&world, &lull_kind_snapshot, SNAP);
    cases_step(&world, LULL_SNAPSHOT_REMOVE_FINALIZER, "SnapshotDeleted");
    content = world_content(&world);
    ck_assert(content && !lull_meta_is_deleting(content));
}
END_TEST

START_TEST(s9_a_content_that_is_not_ready_is_not_retained)
{
    world_take(&world, SNAP, "", ",'deletionPolicy':'Retain'");
    cases_until_content(&world);
    world_delete(&world, &lull_kind_snapshot, SNAP);
    cases_step(&world, LULL_SNAPSHOT_WRITE_STATUS, "StatusDiffers");
    cases_step(&world, LULL_SNAPSHOT_DELETE_CONTENT, "SnapshotDeleted");
}
END_TEST

/* On its way there, or the answer on its way back. */
START_TEST(s10_a_lock_that_is_lost_is_made_again_and_touches_nothing_else)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) before = world_get(&world, &lull_kind_vm, "larry");
    g_autoptr(LullJson) after = NULL;
    LullPass pass = {0};

    begin("");
    world.flaky.countdown = _i;
    ck_assert(!lull_snapshot_pass(&world.snapshots, NS, SNAP, &pass, &error));
    ck_assert_error(error, LULL_ERROR_LOST);
    if (_i == 1)
        cases_step(&world, LULL_SNAPSHOT_LOCK, "SourceFree");
    ck_assert_str_eq(owner_of_machine(), SNAP);
    cases_step(&world, LULL_SNAPSHOT_WRITE_STATUS, "StatusDiffers");
    after = world_get(&world, &lull_kind_vm, "larry");
    ck_assert_str_eq(lull_json_to_line(lull_json_object(after, "spec")),
                     lull_json_to_line(lull_json_object(before, "spec")));
}
END_TEST

START_TEST(s12_a_machine_is_locked_whether_it_runs_or_not)
{
    world_set_power(&world, _i);
    begin("");
    cases_step(&world, LULL_SNAPSHOT_LOCK, "SourceFree");
    ck_assert_str_eq(owner_of_machine(), SNAP);
}
END_TEST

START_TEST(s16_another_snapshot_is_waited_for_by_its_name)
{
    g_autoptr(LullJson) waiting = NULL;

    world_lock(&world, "snapshotInProgress", "other");
    world_take(&world, SNAP, "", "");
    world_take(&world, "other", "", "");
    cases_until_wait(&world, "SourceLocked");
    waiting = snapshot();
    cases_condition(waiting, "Progressing", FALSE, "Source not locked snapshot \"other\" in progress");
    ck_assert_str_eq(owner_of_machine(), "other");
}
END_TEST

START_TEST(s17_a_content_has_the_machine_and_a_backup_of_each_volume)
{
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) made = NULL;
    g_autoptr(LullJson) vm = NULL;
    g_autofree char *name = NULL;
    LullJson *captured, *backups;

    world_set_power(&world, FALSE);
    world_take(&world, SNAP, "", "");
    cases_until_content(&world);
    made = snapshot();
    vm = world_get(&world, &lull_kind_vm, "larry");
    content = world_content(&world);
    name = g_strconcat("vmsnapshot-content-", lull_meta_uid(made), NULL);
    ck_assert_str_eq(lull_meta_name(content), name);
    ck_assert(lull_meta_has_finalizer(content, "snapshot.kubevirt.io/vmsnapshotcontent-protection"));
    captured = lull_json_at(content, "spec", "source", "virtualMachine", NULL);
    ck_assert_str_eq(lull_json_to_line(lull_json_object(captured, "spec")),
                     lull_json_to_line(lull_json_object(vm, "spec")));
    ck_assert_ptr_null(lull_json_object(captured, "status"));
    backups = lull_json_array(lull_json_object(content, "spec"), "volumeBackups");
    ck_assert_uint_eq(json_object_array_length(backups), 2);
    for (size_t i = 0; i < 2; i++) {
        LullJson *backup = json_object_array_get_idx(backups, i);
        const char *volume = i ? "vdb" : "vda";
        g_autofree char *snapshot_name =
            g_strdup_printf("vmsnapshot-%s-volume-%s", lull_meta_uid(made), volume);

        ck_assert_str_eq(lull_json_string(backup, "volumeName", ""), volume);
        ck_assert_str_eq(lull_json_string(backup, "volumeSnapshotName", ""), snapshot_name);
    }
}
END_TEST

/* Taken of a machine with these volumes. */
static LullJson *
taken_of(const char *volumes, const char *statuses)
{
    world_undefine(&world);
    world_define_with(&world, volumes, statuses);
    return cases_taken(&world, "");
}

#define DISK(name) "{'name':'" name "','persistentVolumeClaim':{'claimName':'" name "'}}"
#define INIT       "{'name':'cloudinit','cloudInitNoCloud':{}},{'name':'rom','containerDisk':{}}"
#define GOOD(name) "{'name':'" name "','enabled':true}"
#define BAD(name)  "{'name':'" name "','enabled':false,'reason':'no'}"

START_TEST(s18_s23_a_volume_that_cannot_be_cut_is_left_out_and_missed)
{
    g_autoptr(LullJson) made =
        taken_of(DISK("vda") "," DISK("vdb") "," INIT, GOOD("vda") "," BAD("vdb") "," BAD("cloudinit"));
    g_autoptr(LullJson) content = world_content(&world);
    LullJson *status = lull_json_object(made, "status");
    LullJson *volumes = lull_json_object(status, "snapshotVolumes");
    LullJson *sources = lull_json_array(status, "sourceIndications");

    ck_assert_uint_eq(
        json_object_array_length(lull_json_array(lull_json_object(content, "spec"), "volumeBackups")), 1);
    cases_list(volumes, "includedVolumes", "['vda']");
    cases_list(volumes, "excludedVolumes", "['cloudinit','rom','vdb']");
    cases_list(status, "indications", "['GuestAgent','Online','PartialSnapshot']");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(sources, 2), "indication", ""),
                     "PartialSnapshot");
}
END_TEST

START_TEST(s24_what_has_no_data_is_not_missed)
{
    g_autoptr(LullJson) made =
        taken_of(DISK("vda") "," DISK("vdb") "," INIT, GOOD("vda") "," GOOD("vdb") "," BAD("cloudinit"));
    LullJson *status = lull_json_object(made, "status");

    cases_list(lull_json_object(status, "snapshotVolumes"), "excludedVolumes", "['cloudinit','rom']");
    cases_list(status, "indications", "['GuestAgent','Online']");
}
END_TEST

START_TEST(s22_what_is_cut_and_stored_is_succeeded_and_ready)
{
    g_autoptr(LullJson) made = cases_taken(&world, "");
    g_autoptr(LullJson) content = world_content(&world);
    LullJson *status = lull_json_object(made, "status");

    ck_assert_str_eq(cases_phase(made), "Succeeded");
    ck_assert_str_eq(lull_json_string(status, "creationTime", "never"),
                     lull_json_string(lull_json_object(content, "status"), "creationTime", ""));
    ck_assert(lull_json_bool(status, "readyToUse", FALSE));
    cases_condition(made, "Progressing", FALSE, "Operation complete");
    cases_condition(made, "Ready", TRUE, "Ready");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("cases-snapshot");
    TCase *tcase = tcase_create("cases-snapshot");

    world_use_memory();
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, s1_a_new_one_says_that_its_machine_is_not_locked_yet);
    tcase_add_test(tcase, s2_a_new_one_without_a_machine_says_so);
    tcase_add_test(tcase, s3_with_the_lock_it_progresses_and_makes_the_content);
    tcase_add_test(tcase, s4_one_that_succeeded_lets_its_machine_go);
    tcase_add_test(tcase, s6_s7_one_that_is_deleted_keeps_its_machine_until_its_content_is_gone);
    tcase_add_test(tcase, s8_a_content_that_is_ready_is_retained);
    tcase_add_test(tcase, s9_a_content_that_is_not_ready_is_not_retained);
    tcase_add_loop_test(tcase, s10_a_lock_that_is_lost_is_made_again_and_touches_nothing_else, 1, 3);
    tcase_add_loop_test(tcase, s12_a_machine_is_locked_whether_it_runs_or_not, 0, 2);
    tcase_add_test(tcase, s16_another_snapshot_is_waited_for_by_its_name);
    tcase_add_test(tcase, s17_a_content_has_the_machine_and_a_backup_of_each_volume);
    tcase_add_test(tcase, s18_s23_a_volume_that_cannot_be_cut_is_left_out_and_missed);
    tcase_add_test(tcase, s24_what_has_no_data_is_not_missed);
    tcase_add_test(tcase, s22_what_is_cut_and_stored_is_succeeded_and_ready);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
