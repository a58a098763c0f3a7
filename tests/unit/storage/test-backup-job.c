/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/backup-job.h"

#include <string.h>

#include "coordinator/storage/ahead.h"
#include "tests/lib/check-main.h"

#define FOLDER "/store/6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f.attempt-1"
#define JOB                                                                                         \
    "<domainbackup mode='push'><disks><disk name='vdb' backup='no'/><disk name='vda' backup='yes' " \
    "type='file'><driver type='qcow2'/><target file='%s/vda.qcow2'/></disk></disks></domainbackup>"

START_TEST(the_job_copies_what_is_included_and_names_the_rest)
{
    g_autoptr(LullVm) vm = lull_vm_from_xml(
        "<domain><name>d</name><uuid>dbf88f9f-5838-45bb-9799-33a82fdb7ad1</uuid><devices>"
        "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/><alias name='ua-root'/></disk>"
        "<disk type='file' device='cdrom'><source file='/b'/><target dev='sda'/></disk></devices></domain>",
        LULL_VM_RUNNING, NULL);
    g_autofree char *xml = lull_backup_xml(vm, "/a&b/it's", NULL);

    ck_assert_str_eq(xml, "<domainbackup mode='push'><disks><disk name='vda' backup='yes' type='file'>"
                          "<driver type='qcow2'/><target file='/a&amp;b/it&apos;s/root.qcow2'/></disk>"
                          "<disk name='sda' backup='no'/></disks></domainbackup>");
}
END_TEST

START_TEST(what_changed_is_asked_for_disk_by_disk)
{
    g_autoptr(LullVm) vm = lull_vm_from_xml(
        "<domain><name>d</name><uuid>dbf88f9f-5838-45bb-9799-33a82fdb7ad1</uuid><devices>"
        "<disk type='file' device='cdrom'><source file='/b'/><target dev='sda'/></disk>"
        "<disk type='file' device='disk'><source file='/c'/><target dev='vdb'/></disk>"
        "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/></disk></devices></domain>",
        LULL_VM_RUNNING, NULL);
    LullChainKind kinds[] = {LULL_CHAIN_RAW, LULL_CHAIN_INCREMENTAL};
    gboolean ahead[] = {FALSE, FALSE};
    const LullChainPlan plan = {
        .base = "lull-b", .n = 2, .kinds = kinds, .checkpoint = "lull-c", .ahead = ahead};
    g_autofree char *xml = lull_backup_xml(vm, "/f", &plan);
    g_autofree char *checkpoint = lull_chain_plan_checkpoint_xml(&plan, vm);

    ck_assert_str_eq(xml, "<domainbackup mode='push'><disks><disk name='sda' backup='no'/>"
                          "<disk name='vdb' backup='yes' type='file'><driver type='qcow2'/>"
                          "<target file='/f/vdb.qcow2'/></disk><disk name='vda' backup='yes' type='file' "
                          "backupmode='incremental' incremental='lull-b'><driver type='qcow2'/>"
                          "<target file='/f/vda.qcow2'/></disk></disks></domainbackup>");
    ck_assert_str_eq(checkpoint, "<domaincheckpoint><name>lull-c</name><disks><disk name='vda' "
                                 "checkpoint='bitmap'/><disk name='sda' checkpoint='no'/>"
                                 "<disk name='vdb' checkpoint='no'/></disks></domaincheckpoint>");
}
END_TEST

START_TEST(what_was_copied_ahead_is_not_copied_again)
{
    g_autoptr(LullVm) vm = lull_vm_from_xml(
        "<domain><name>d</name><uuid>dbf88f9f-5838-45bb-9799-33a82fdb7ad1</uuid><devices>"
        "<disk type='file' device='cdrom'><source file='/b'/><target dev='sda'/></disk>"
        "<disk type='file' device='disk'><source file='/c'/><target dev='vdb'/></disk>"
        "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/></disk></devices></domain>",
        LULL_VM_RUNNING, NULL);
    LullChainKind kinds[] = {LULL_CHAIN_INCREMENTAL, LULL_CHAIN_OFF};
    gboolean ahead[] = {TRUE, FALSE};
    const LullChainPlan plan = {
        .base = "lull-b", .n = 2, .kinds = kinds, .ahead = ahead, .ahead_checkpoint = "lull-a"};
    g_autofree char *first = lull_backup_xml_ahead(vm, "/f", &plan, 0);
    g_autofree char *cut = lull_backup_xml(vm, "/f", &plan);

    ck_assert_str_eq(first, "<domainbackup mode='push'><disks><disk name='sda' backup='no'/>"
                            "<disk name='vdb' backup='yes' type='file' backupmode='incremental' "
                            "incremental='lull-b'><driver type='qcow2'/><target file='/f/vdb.qcow2'/></disk>"
                            "<disk name='vda' backup='no'/></disks></domainbackup>");
    ck_assert_ptr_nonnull(strstr(cut, "incremental='lull-a'><driver type='qcow2'/><target file='/f/vdb."));
    ck_assert_ptr_nonnull(strstr(cut, "<disk name='vda' backup='yes' type='file'><driver type='qcow2'/>"));
    ahead[0] = FALSE;
    ahead[1] = TRUE;
    g_clear_pointer(&cut, g_free);
    cut = lull_backup_xml(vm, "/f", &plan);
    ck_assert_ptr_nonnull(strstr(cut, "incremental='lull-b'><driver type='qcow2'/><target file='/f/vdb."));
    ck_assert_ptr_nonnull(strstr(cut, "incremental='lull-a'><driver type='qcow2'/><target file='/f/vda."));
}
END_TEST

static const struct {
    LullVmState state;
    gboolean recordable;
    guint64 bytes;
    gboolean worth;
} aheads[] = {
    {LULL_VM_RUNNING, TRUE, 1 << 30, TRUE},   {LULL_VM_RUNNING, TRUE, 1 << 20, FALSE},
    {LULL_VM_RUNNING, FALSE, 1 << 30, FALSE}, {LULL_VM_PAUSED, TRUE, 1 << 30, FALSE},
    {LULL_VM_STOPPED, TRUE, 1 << 30, FALSE},
};

START_TEST(only_much_of_a_running_machine_whose_changes_can_be_recorded_is_copied_ahead)
{
    gboolean recordable[] = {aheads[_i].recordable};
    guint64 bytes[] = {aheads[_i].bytes};
    gboolean ahead[] = {!aheads[_i].worth};
    LullChainPlan plan = {.n = 1, .recordable = recordable, .bytes = bytes, .ahead = ahead};

    ck_assert_uint_eq(lull_ahead_choose(&plan, aheads[_i].state), aheads[_i].worth ? 1 : 0);
    ck_assert_int_eq(ahead[0], aheads[_i].worth);
}
END_TEST

START_TEST(what_would_take_long_is_left_to_the_cut_since_the_deadline_runs_until_then)
{
    gboolean recordable[] = {TRUE, FALSE, TRUE};
    guint64 bytes[] = {(guint64)1 << 30, (guint64)1 << 40, (guint64)1 << 30};
    gboolean ahead[3] = {FALSE};
    LullChainPlan plan = {.n = 3, .parent = "p", .recordable = recordable, .bytes = bytes, .ahead = ahead};

    ck_assert_uint_eq(lull_ahead_choose(&plan, LULL_VM_RUNNING), 2);
    ck_assert(ahead[0] && !ahead[1] && ahead[2]);
    bytes[2]++;
    ck_assert_uint_eq(lull_ahead_choose(&plan, LULL_VM_RUNNING), 0);
    ck_assert(!ahead[0] && !ahead[1] && !ahead[2]);
}
END_TEST

START_TEST(nothing_is_copied_ahead_where_a_long_job_of_whole_copies_is_left_whose_end_the_data_tell)
{
    gboolean recordable[] = {TRUE, FALSE};
    guint64 bytes[] = {1 << 30, 1 << 30};
    gboolean ahead[] = {FALSE, FALSE};
    LullChainPlan plan = {.n = 2, .recordable = recordable, .bytes = bytes, .ahead = ahead};

    ck_assert_uint_eq(lull_ahead_choose(&plan, LULL_VM_RUNNING), 0);
    plan.parent = "p"; /* of changes they tell nothing anyway */
    ck_assert_uint_eq(lull_ahead_choose(&plan, LULL_VM_RUNNING), 1);
    plan.parent = NULL;
    bytes[1] = 1 << 20;
    ck_assert_uint_eq(lull_ahead_choose(&plan, LULL_VM_RUNNING), 1);
    ck_assert(ahead[0] && !ahead[1]);
}
END_TEST

START_TEST(a_job_is_known_by_where_it_writes)
{
    g_autofree char *ours = g_strdup_printf(JOB, FOLDER);
    g_autofree char *others = g_strdup_printf(JOB, "/elsewhere");

    ck_assert(lull_backup_xml_is_below(ours, FOLDER "/"));
    ck_assert(!lull_backup_xml_is_below(others, FOLDER "/"));
}
END_TEST

START_TEST(a_pull_job_is_nobodys_of_ours)
{
    ck_assert(!lull_backup_xml_is_below("<domainbackup mode='pull'><server transport='unix' socket='" FOLDER
                                        "/s'/><disks><disk name='vda' backup='yes' type='file'>"
                                        "<scratch file='" FOLDER "/x'/></disk></disks></domainbackup>",
                                        FOLDER "/"));
}
END_TEST

START_TEST(what_is_not_a_job_is_not_ours)
{
    ck_assert(!lull_backup_xml_is_below("", FOLDER));
    ck_assert(!lull_backup_xml_is_below("<target file='" FOLDER "/x'", FOLDER));
    ck_assert(!lull_backup_xml_is_below("<!DOCTYPE d []><d><target file='" FOLDER "/x'/></d>", FOLDER));
}
END_TEST

#define KIB 1024
#define TWO "{\"volumes\":[{\"capacity\":102400},{\"capacity\":65536}]}"
#define ALL (164 * KIB)

static const struct {
    LullFinishedJob remembered;
    int seen;
    guint64 seen_total;
    gboolean active;
    LullCopyState state;
} ends[] = {
    {{TRUE, TRUE, ALL}, 0, 0, TRUE, LULL_COPY_DONE},
    {{TRUE, TRUE, ALL}, 1, ALL, TRUE, LULL_COPY_DONE},
    {{TRUE, TRUE, ALL}, 0, 0, FALSE, LULL_COPY_DONE},
    {{TRUE, TRUE, 192 * KIB}, 0, 0, TRUE, LULL_COPY_DONE}, /* in whole clusters */
    {{0}, 1, ALL, TRUE, LULL_COPY_DONE},
    {{TRUE, FALSE, ALL}, 0, 0, TRUE, LULL_COPY_FAILED},
    {{0}, -1, ALL, TRUE, LULL_COPY_FAILED},
    /* ours failed; another's went well after it */
    {{TRUE, TRUE, ALL}, -1, ALL, TRUE, LULL_COPY_FAILED},
    {{TRUE, TRUE, 64 * KIB}, 0, 0, TRUE, LULL_COPY_FAILED},
    {{TRUE, TRUE, 1024 * KIB}, 1, 1024 * KIB, TRUE, LULL_COPY_FAILED},
    {{0}, 1, 64 * KIB, TRUE, LULL_COPY_FAILED},
    {{0}, 0, 0, TRUE, LULL_COPY_ABSENT},
    {{0}, 0, 0, FALSE, LULL_COPY_FAILED},
};

START_TEST(a_copy_is_whole_only_where_its_own_job_is_proven_to_have_ended_well)
{
    g_autoptr(LullJson) attempt = lull_json_parse(TWO, -1, NULL);
    const char *problem = NULL;

    ck_assert_int_eq(lull_backup_judge(attempt, &ends[_i].remembered, ends[_i].seen, ends[_i].seen_total,
                                       ends[_i].active, &problem),
                     ends[_i].state);
    ck_assert_int_eq(problem != NULL, ends[_i].state != LULL_COPY_DONE);
}
END_TEST

START_TEST(only_a_failure_that_was_told_is_beyond_doubt)
{
    const LullFinishedJob none = {0};
    const LullFinishedJob good = {.backup = TRUE, .success = TRUE, .total = ALL};
    const LullFinishedJob bad = {.backup = TRUE, .success = FALSE, .total = ALL};

    ck_assert(!lull_backup_has_failed(&none, 0));
    ck_assert(!lull_backup_has_failed(&none, 1));
    ck_assert(!lull_backup_has_failed(&good, 0));
    ck_assert(lull_backup_has_failed(&good, -1));
    ck_assert(lull_backup_has_failed(&none, -1));
    ck_assert(lull_backup_has_failed(&bad, 1));
}
END_TEST

static const struct {
    guint64 total;
    LullCopyState state;
} partial_ends[] = {
    {64 * KIB, LULL_COPY_DONE},   {100 * KIB, LULL_COPY_DONE},    {ALL, LULL_COPY_DONE},
    {63 * KIB, LULL_COPY_FAILED}, {1024 * KIB, LULL_COPY_FAILED},
};

START_TEST(a_job_over_changes_has_a_range_of_totals)
{
    g_autoptr(LullJson) attempt = lull_json_parse(
        "{\"volumes\":[{\"capacity\":102400,\"copy\":\"incremental\"},{\"capacity\":65536}]}", -1, NULL);
    const LullFinishedJob none = {0};
    const char *problem = NULL;

    ck_assert_int_eq(lull_backup_judge(attempt, &none, 1, partial_ends[_i].total, TRUE, &problem),
                     partial_ends[_i].state);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/backup-job");
    TCase *cases = tcase_create("backup-job");

    tcase_add_test(cases, the_job_copies_what_is_included_and_names_the_rest);
    tcase_add_test(cases, only_a_failure_that_was_told_is_beyond_doubt);
    tcase_add_loop_test(cases, a_job_over_changes_has_a_range_of_totals, 0, G_N_ELEMENTS(partial_ends));
    tcase_add_test(cases, what_changed_is_asked_for_disk_by_disk);
    tcase_add_test(cases, what_was_copied_ahead_is_not_copied_again);
    tcase_add_test(cases, what_would_take_long_is_left_to_the_cut_since_the_deadline_runs_until_then);
    tcase_add_loop_test(cases, only_much_of_a_running_machine_whose_changes_can_be_recorded_is_copied_ahead,
                        0, G_N_ELEMENTS(aheads));
    tcase_add_test(cases,
                   nothing_is_copied_ahead_where_a_long_job_of_whole_copies_is_left_whose_end_the_data_tell);
    tcase_add_test(cases, a_job_is_known_by_where_it_writes);
    tcase_add_test(cases, a_pull_job_is_nobodys_of_ours);
    tcase_add_test(cases, what_is_not_a_job_is_not_ours);
    tcase_add_loop_test(cases, a_copy_is_whole_only_where_its_own_job_is_proven_to_have_ended_well, 0,
                        G_N_ELEMENTS(ends));
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
