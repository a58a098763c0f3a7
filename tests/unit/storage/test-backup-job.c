/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/backup-job.h"

#include "tests/lib/check-main.h"

#define ATTEMPTS "/store/6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f."
#define FOLDER   ATTEMPTS "attempt-1"
#define JOB                                                                                                 \
    "<domainbackup mode='pull'><server transport='unix' socket='/s'/><disks><disk name='vdb' backup='no'/>" \
    "<disk name='vda' backup='yes' type='file'><driver type='qcow2'/><scratch "                             \
    "file='%s/vda.scratch'/></disk>"                                                                        \
    "</disks></domainbackup>"

START_TEST(the_job_copies_what_is_included_and_names_the_rest)
{
    g_autoptr(LullVm) vm = lull_vm_from_xml(
        "<domain><name>d</name><uuid>dbf88f9f-5838-45bb-9799-33a82fdb7ad1</uuid><devices>"
        "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/><alias name='ua-root'/></disk>"
        "<disk type='file' device='cdrom'><source file='/b'/><target dev='sda'/></disk></devices></domain>",
        LULL_VM_RUNNING, NULL);
    LullChainKind kinds[] = {LULL_CHAIN_OFF};
    const LullChainPlan plan = {.n = 1, .kinds = kinds};
    g_autofree char *xml = lull_backup_xml(vm, "/a&b/it's", "/x&y/s", &plan);

    ck_assert_str_eq(xml, "<domainbackup mode='pull'><server transport='unix' socket='/x&amp;y/s'/><disks>"
                          "<disk name='vda' backup='yes' type='file' exportname='vda'><driver type='qcow2'/>"
                          "<scratch file='/a&amp;b/it&apos;s/root.scratch'/></disk>"
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
    const LullChainPlan plan = {.base = "lull-b", .n = 2, .kinds = kinds, .checkpoint = "lull-c"};
    g_autofree char *xml = lull_backup_xml(vm, "/f", "/s", &plan);
    g_autofree char *checkpoint = lull_chain_plan_checkpoint_xml(&plan, vm);

    ck_assert_str_eq(xml, "<domainbackup mode='pull'><server transport='unix' socket='/s'/><disks><disk "
                          "name='sda' backup='no'/>"
                          "<disk name='vdb' backup='yes' type='file' exportname='vdb'><driver type='qcow2'/>"
                          "<scratch file='/f/vdb.scratch'/></disk><disk name='vda' backup='yes' type='file' "
                          "exportname='vda' backupmode='incremental' incremental='lull-b' "
                          "exportbitmap='backup-vda'><driver type='qcow2'/>"
                          "<scratch file='/f/vda.scratch'/></disk></disks></domainbackup>");
    ck_assert_str_eq(checkpoint, "<domaincheckpoint><name>lull-c</name><disks><disk name='vda' "
                                 "checkpoint='bitmap'/><disk name='sda' checkpoint='no'/>"
                                 "<disk name='vdb' checkpoint='no'/></disks></domaincheckpoint>");
}
END_TEST

START_TEST(a_job_is_known_by_where_it_writes)
{
    g_autofree char *ours = g_strdup_printf(JOB, FOLDER);
    g_autofree char *others = g_strdup_printf(JOB, "/elsewhere");

    g_autofree char *later = g_strdup_printf(JOB, FOLDER "2");

    ck_assert(lull_backup_xml_is_below(ours, FOLDER "/"));
    ck_assert(!lull_backup_xml_is_below(others, FOLDER "/"));
    ck_assert(!lull_backup_xml_is_below(later, FOLDER "/"));
    ck_assert(lull_backup_xml_is_below(later, ATTEMPTS));
    ck_assert(!lull_backup_xml_is_below(others, ATTEMPTS));
}
END_TEST

START_TEST(the_folder_of_a_job_is_told_by_its_name)
{
    g_autofree char *ours = g_strdup_printf(JOB, FOLDER);
    g_autofree char *others = g_strdup_printf(JOB, "/elsewhere");
    g_autofree char *name = lull_backup_xml_place(ours, "/store");

    ck_assert_str_eq(name, "6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f.attempt-1");
    ck_assert_ptr_null(lull_backup_xml_place(others, "/store"));
    ck_assert_ptr_null(lull_backup_xml_place(others, "/elsewhere"));
}
END_TEST

START_TEST(a_job_that_another_tool_copies_by_itself_is_not_ours)
{
    ck_assert(!lull_backup_xml_is_below("<domainbackup mode='push'><disks><disk name='vda' backup='yes' "
                                        "type='file'><target file='" FOLDER
                                        "/x'/></disk></disks></domainbackup>",
                                        FOLDER "/"));
}
END_TEST

START_TEST(what_is_not_a_job_is_not_ours)
{
    ck_assert(!lull_backup_xml_is_below("", FOLDER "/"));
    ck_assert(!lull_backup_xml_is_below("<scratch file='" FOLDER "/x'", FOLDER "/"));
    ck_assert(!lull_backup_xml_is_below("<!DOCTYPE d []><d><scratch file='" FOLDER "/x'/></d>", FOLDER "/"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/backup-job");
    TCase *cases = tcase_create("backup-job");

    tcase_add_test(cases, the_job_copies_what_is_included_and_names_the_rest);
    tcase_add_test(cases, what_changed_is_asked_for_disk_by_disk);
    tcase_add_test(cases, a_job_is_known_by_where_it_writes);
    tcase_add_test(cases, the_folder_of_a_job_is_told_by_its_name);
    tcase_add_test(cases, a_job_that_another_tool_copies_by_itself_is_not_ours);
    tcase_add_test(cases, what_is_not_a_job_is_not_ours);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
