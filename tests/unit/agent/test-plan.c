/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>
#include <sys/sysmacros.h>

#include "agent/quiesce/plan.h"
#include "tests/lib/check-main.h"

/* A guest like many: two disks, one with partitions; a loop device, bind mounts, the kernel's own. */
static const char *const guest = "21 1 252:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
                                 "22 21 0:5 / /proc rw - proc proc rw\n"
                                 "23 21 0:6 / /sys rw - sysfs sysfs rw\n"
                                 "24 21 0:7 / /run rw - tmpfs tmpfs rw\n"
                                 "25 21 252:2 / /boot rw - ext4 /dev/vda2 rw\n"
                                 "26 21 252:16 / /srv rw - xfs /dev/vdb rw\n"
                                 "27 26 7:0 / /srv/image rw - ext4 /dev/loop0 rw\n"
                                 "28 21 11:0 / /cdrom ro - iso9660 /dev/sr0 ro\n"
                                 "29 21 0:44 / /net rw - nfs4 server:/x rw\n"
                                 "30 21 252:16 /www /var/www rw - xfs /dev/vdb rw\n"
                                 "31 21 0:50 / /pool rw - zfs pool rw\n"
                                 "32 21 0:51 / /merged rw - overlay overlay rw\n";

static LullDevice *
disk(const char *name, const char *serial, const char *pci)
{
    LullDevice *device = g_new0(LullDevice, 1);

    device->name = g_strdup(name);
    device->disk.serial = g_strdup(serial);
    device->disk.pci = g_strdup(pci);
    return device;
}

static LullDevice *
loop(const char *name, const char *file)
{
    LullDevice *device = disk(name, NULL, NULL);

    device->is_virtual = TRUE;
    device->backing_file = g_strdup(file);
    return device;
}

static void
add(LullSurvey *survey, dev_t number, LullDevice *take)
{
    lull_survey_add_device(survey, number, lull_graph_add(survey->graph, number, take));
}

static LullSurvey *
survey_of(const char *mounts)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *parsed = lull_mountinfo_parse(mounts, &error);

    ck_assert_msg(parsed, "%s", error ? error->message : "");

    LullSurvey *survey = lull_survey_new(parsed);

    add(survey, makedev(252, 1), disk("vda1", "root", "0000:00:05.0"));
    add(survey, makedev(252, 2), disk("vda2", "root", "0000:00:05.0"));
    add(survey, makedev(252, 16), disk("vdb", NULL, "0000:00:06.0"));
    add(survey, makedev(11, 0), disk("sr0", NULL, "0000:00:1f.2"));
    add(survey, makedev(7, 0), loop("loop0", "/srv/image.ext4"));
    add(survey, makedev(7, 1), loop("loop1", "/var/b.img"));
    add(survey, makedev(7, 2), loop("loop2", NULL));
    add(survey, makedev(253, 0), loop("dm-0", NULL));
    add(survey, makedev(8, 0), disk("sda", NULL, NULL));
    return survey;
}

/* What is frozen in which order, then "|", then the others: "/x" skipped, "!/x" failed. */
static char *
summary(GPtrArray *plan)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < plan->len; i++) {
        const LullPlanEntry *entry = g_ptr_array_index(plan, i);

        if (i == lull_plan_n_freeze(plan))
            g_string_append(text, "| ");
        g_string_append_printf(text, "%s%s ", entry->result == LULL_PLAN_FAILED ? "!" : "",
                               entry->mountpoint);
    }
    return g_strchomp(g_string_free(text, FALSE));
}

static const struct {
    const char *mounts; /* NULL: the guest above */
    const char *mountpoints;
    const char *disks;
    gboolean standard;
    const char *expected;
} cases[] = {
    {NULL, NULL, NULL, FALSE, "/srv/image /srv /boot / | /cdrom /net /var/www !/pool /merged"},
    {NULL, NULL, NULL, TRUE, "/srv/image /srv /boot / | /cdrom /net /var/www /pool /merged"},
    /* any mount point of a file system names it; slashes do not matter */
    {NULL, "['/boot/']", NULL, FALSE, "/boot"},
    {NULL, "['/var/www']", NULL, FALSE, "/srv | /var/www"},
    {NULL, "['/srv','/srv/image']", NULL, FALSE, "/srv/image /srv | /var/www"},
    {NULL, "['/net']", NULL, FALSE, "| /net"},
    {NULL, "[]", NULL, FALSE, ""},
    /* what is not there is no success */
    {NULL, "['/','/nowhere']", NULL, FALSE, "/ | !/nowhere"},
    {NULL, "['/','/nowhere']", NULL, TRUE, "/"},
    /* disks: by serial, by address; a loop device's data is on its file's disk */
    {NULL, NULL, "[{'serial':'root'}]", FALSE, "/boot / | /srv /srv/image /cdrom !/pool"},
    {NULL, NULL, "[{'pci':'0000:00:06.0'}]", FALSE, "/srv/image /srv | / /boot /cdrom /var/www !/pool"},
    {NULL, NULL, "[{'serial':'else','pci':'0000:00:06.0'}]", FALSE,
     "/srv/image /srv | / /boot /cdrom /var/www !/pool"},
    {NULL, NULL, "[{'serial':'else','pci':'0000:00:05.0'}]", FALSE,
     "| / /boot /srv /srv/image /cdrom !/pool"},
    {NULL, NULL, "[]", FALSE, "| / /boot /srv /srv/image /cdrom !/pool"},
    {NULL, NULL, "[{}]", FALSE, "| / /boot /srv /srv/image /cdrom !/pool"},
    /* what may be on a disk asked for counts as on it: mapped, a loop device of whose file nothing is known,
     * a disk of which nothing is known */
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 253:0 / /m rw - xfs m rw\n3 1 7:2 / /l rw - ext4 l rw\n"
     "4 1 8:0 / /s rw - ext4 s rw\n5 1 252:16 / /srv rw - xfs c rw\n",
     NULL, "[{'serial':'root'}]", FALSE, "/s /l /m / | /srv"},
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 253:0 / /m ro - squashfs m ro\n", NULL, "[{'pci':'0000:00:06.0'}]",
     FALSE, "| / /m"},
    /* without a device: known to need none, or a failure */
    {"1 0 0:2 / / rw - rootfs rootfs rw\n2 1 0:20 / / rw - overlay o rw\n3 2 0:21 / /a rw - fuse.sshfs a rw\n"
     "4 2 0:22 / /b rw - fuse b rw\n5 2 0:23 / /c rw - virtiofs c rw\n6 2 0:24 / /d rw - 9p d rw\n"
     "7 2 0:25 / /e rw - autofs e rw\n8 2 0:26 / /f rw - ramfs f rw\n9 2 0:27 / /g rw - ecryptfs /h rw\n",
     NULL, NULL, FALSE, "| / /a /b /c /d /g"},
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 0:30 / /b rw - btrfs /dev/gone rw\n3 1 0:31 / /c rw - bcachefs x:y "
     "rw\n"
     "4 1 0:32 / /z ro - zfs z ro\n",
     NULL, NULL, FALSE, "/ | !/b !/c /z"},
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 0:30 / /b rw - btrfs /dev/gone rw\n", "['/']", NULL, FALSE, "/"},
    /* the loop's file system goes before the one that holds it, even if mounted earlier */
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 7:1 / /b rw - ext4 b rw\n3 1 252:16 / /var rw - xfs c rw\n", NULL,
     NULL, FALSE, "/b /var /"},
    /* two storeys */
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 7:0 / /x rw - ext4 b rw\n3 1 7:1 / /srv rw - xfs c rw\n"
     "4 1 252:2 / /var rw - xfs d rw\n",
     NULL, NULL, FALSE, "/x /srv /var /"},
    /* loop devices that hold one another cannot be, and end all the same */
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 7:0 / /var rw - ext4 b rw\n3 1 7:1 / /srv rw - xfs c rw\n", NULL,
     NULL, FALSE, "/var /srv /"},
    /* covered, with and without another way to it */
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 252:16 / /srv rw - xfs c rw\n3 2 0:9 / /srv rw - tmpfs t rw\n", NULL,
     NULL, FALSE, "/ | !/srv"},
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 252:16 / /srv rw - xfs c rw\n3 2 0:9 / /srv rw - tmpfs t rw\n"
     "4 1 252:16 /d /d rw - xfs c rw\n",
     NULL, NULL, FALSE, "/d / | /srv"},
    /* of several mounts the one of the whole file system is used */
    {"1 0 252:1 / / rw - ext4 a rw\n2 1 252:16 /d /d rw - xfs c rw\n3 1 252:16 / /srv rw - xfs c rw\n", NULL,
     NULL, FALSE, "/srv / | /d"},
    {"", NULL, NULL, FALSE, ""},
};

static LullJson *
parse(const char *text)
{
    LullJson *value = text ? lull_json_parse(text, -1, NULL) : NULL;

    ck_assert(!text || value);
    return value;
}

START_TEST(test_plans_what_to_freeze_in_which_order)
{
    g_autoptr(LullSurvey) survey = survey_of(cases[_i].mounts ? cases[_i].mounts : guest);
    g_autoptr(LullJson) mountpoints = parse(cases[_i].mountpoints);
    g_autoptr(LullJson) disks = parse(cases[_i].disks);
    const LullPlanRequest request = {mountpoints, disks, cases[_i].standard};
    g_autoptr(GPtrArray) plan = lull_plan_make(survey, &request);
    g_autofree char *seen = summary(plan);

    ck_assert_str_eq(seen, cases[_i].expected);
}
END_TEST

static char *
levels_of(const char *mounts)
{
    const LullPlanRequest request = {NULL};
    g_autoptr(LullSurvey) survey = survey_of(mounts);
    g_autoptr(GPtrArray) plan = lull_plan_make(survey, &request);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < lull_plan_n_freeze(plan); i++) {
        const LullPlanEntry *entry = g_ptr_array_index(plan, i);

        g_string_append_printf(text, "%s:%u ", entry->mountpoint, entry->level);
    }
    return g_strchomp(g_string_free(text, FALSE));
}

START_TEST(test_only_what_does_not_stand_on_each_other_shares_a_level)
{
    g_autofree char *plain = levels_of(guest);
    g_autofree char *storeys =
        levels_of("1 0 252:1 / / rw - ext4 a rw\n2 1 7:0 / /x rw - ext4 b rw\n3 1 7:1 / /srv rw - xfs c rw\n"
                  "4 1 252:2 / /var rw - xfs d rw\n");
    g_autofree char *mapped = levels_of("1 0 252:1 / / rw - ext4 a rw\n2 1 252:16 / /srv rw - xfs c rw\n"
                                        "3 1 253:0 / /mapped rw - xfs m rw\n");

    ck_assert_str_eq(plain, "/srv/image:0 /srv:1 /boot:0 /:0");
    ck_assert_str_eq(storeys, "/x:0 /srv:1 /var:2 /:0");
    ck_assert_str_eq(mapped, "/mapped:0 /srv:1 /:2");
}
END_TEST

START_TEST(test_every_entry_that_is_not_frozen_says_why)
{
    static const char *const reasons[][2] = {
        {"/cdrom", "read-only"},
        {"/net", "network file system"},
        {"/var/www", "same file system as /srv"},
        {"/pool", "its device is not known"},
    };
    const LullPlanRequest request = {NULL};
    g_autoptr(LullSurvey) survey = survey_of(guest);
    g_autoptr(GPtrArray) plan = lull_plan_make(survey, &request);

    for (guint i = 0; i < plan->len; i++) {
        const LullPlanEntry *entry = g_ptr_array_index(plan, i);

        ck_assert_int_eq(entry->result != LULL_PLAN_FREEZE, entry->reason != NULL);
        for (gsize k = 0; k < G_N_ELEMENTS(reasons); k++)
            if (g_str_equal(reasons[k][0], entry->mountpoint))
                ck_assert_str_eq(entry->reason, reasons[k][1]);
    }
}
END_TEST

START_TEST(test_names_the_disk_under_a_loop_device_but_no_serial_of_its_own)
{
    const LullPlanRequest request = {NULL};
    g_autoptr(LullSurvey) survey = survey_of(guest);
    g_autoptr(GPtrArray) plan = lull_plan_make(survey, &request);
    const LullPlanEntry *entry = g_ptr_array_index(plan, 0);

    ck_assert_str_eq(entry->mountpoint, "/srv/image");
    ck_assert_str_eq(lull_json_to_line(entry->disks), "[{\"pci\":\"0000:00:06.0\"}]");
    ck_assert_ptr_null(entry->serial);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("plan");
    TCase *tcase = tcase_create("plan");

    tcase_add_loop_test(tcase, test_plans_what_to_freeze_in_which_order, 0, G_N_ELEMENTS(cases));
    tcase_add_test(tcase, test_only_what_does_not_stand_on_each_other_shares_a_level);
    tcase_add_test(tcase, test_every_entry_that_is_not_frozen_says_why);
    tcase_add_test(tcase, test_names_the_disk_under_a_loop_device_but_no_serial_of_its_own);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
