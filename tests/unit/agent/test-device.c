/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/filesystems/device.h"
#include "tests/lib/check-main.h"

/* A tree like /sys, as guests of different make show it. */
static char *root;

static void
put(const char *name, const char *bytes, gsize length)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0755), 0);
    ck_assert(g_file_set_contents(path, bytes, (gssize)length, NULL));
}

static void
put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void
put_link(const char *name, const char *target)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0755), 0);
    ck_assert_int_eq(symlink(target, path), 0);
}

static void
setup(void)
{
    root = g_dir_make_tmp("lull-device-XXXXXX", NULL);
    ck_assert_ptr_nonnull(root);

    /* virtio-blk with a partition, behind a bridge */
    put_text("sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0/virtio2/block/vda/dev", "252:0\n");
    put_text("sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0/virtio2/block/vda/serial", "root-disk\n");
    put_text("sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0/virtio2/block/vda/vda1/partition", "1\n");
    put_link("sys/devices/pci0000:00/0000:00:02.0/driver", "../../../bus/pci/drivers/pcieport");
    put_link("sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0/driver",
             "../../../../bus/pci/drivers/virtio-pci");
    put_link("sys/dev/block/252:1",
             "../../devices/pci0000:00/0000:00:02.0/0000:01:00.0/virtio2/block/vda/vda1");

    /* virtio-scsi: the serial is in a page, or only udev's database has one */
    put("sys/devices/pci0000:00/0000:00:06.0/virtio3/host2/target2:0:1/2:0:1:3/vpd_pg80", "\0\200\0\004data",
        8);
    put_text("sys/devices/pci0000:00/0000:00:06.0/virtio3/host2/target2:0:1/2:0:1:3/block/sda/dev", "8:0\n");
    put_link("sys/devices/pci0000:00/0000:00:06.0/virtio3/host2/target2:0:1/2:0:1:3/block/sda/device",
             "../../../2:0:1:3");
    put_link("sys/devices/pci0000:00/0000:00:06.0/driver", "../../../bus/pci/drivers/virtio-pci");
    put_link("sys/dev/block/8:0",
             "../../devices/pci0000:00/0000:00:06.0/virtio3/host2/target2:0:1/2:0:1:3/block/sda");
    put_text("run/udev/data/b8:0", "S:disk/by-id/x\nE:ID_SERIAL=0QEMU_HARDDISK_data\n");

    /* nvme */
    put_text("sys/devices/pci0000:00/0000:00:07.0/nvme/nvme0/serial", "nv 1  \n");
    put_text("sys/devices/pci0000:00/0000:00:07.0/nvme/nvme0/nvme0n1/dev", "259:0\n");
    put_link("sys/devices/pci0000:00/0000:00:07.0/nvme/nvme0/nvme0n1/device", "../../nvme0");
    put_link("sys/devices/pci0000:00/0000:00:07.0/driver", "../../../bus/pci/drivers/nvme");
    put_link("sys/dev/block/259:0", "../../devices/pci0000:00/0000:00:07.0/nvme/nvme0/nvme0n1");

    /* AHCI: the second of three ports */
    for (int i = 1; i <= 3; i++) {
        g_autofree char *port = g_strdup_printf("sys/devices/pci0000:00/0000:00:1f.2/ata%d/uevent", i + 8);

        put_text(port, "");
    }
    put_text("sys/devices/pci0000:00/0000:00:1f.2/ata10/host9/target9:0:0/9:0:0:0/block/sdb/dev", "8:16\n");
    put_link("sys/devices/pci0000:00/0000:00:1f.2/driver", "../../../bus/pci/drivers/ahci");
    put_link("sys/dev/block/8:16",
             "../../devices/pci0000:00/0000:00:1f.2/ata10/host9/target9:0:0/9:0:0:0/block/sdb");

    /* LSI Logic: what libvirt calls a unit is a target */
    put_text("sys/devices/pci0000:00/0000:00:08.0/host4/target4:0:2/4:0:2:0/block/sdc/dev", "8:32\n");
    put_link("sys/devices/pci0000:00/0000:00:08.0/driver", "../../../bus/pci/drivers/sym53c8xx");
    put_link("sys/dev/block/8:32",
             "../../devices/pci0000:00/0000:00:08.0/host4/target4:0:2/4:0:2:0/block/sdc");

    /* PIIX: the second disk of the second channel */
    put_text("sys/devices/pci0000:00/0000:00:01.1/ata1/uevent", "");
    put_text("sys/devices/pci0000:00/0000:00:01.1/ata2/host6/target6:0:1/6:0:1:0/block/sdd/dev", "8:48\n");
    put_link("sys/devices/pci0000:00/0000:00:01.1/driver", "../../../bus/pci/drivers/ata_piix");
    put_link("sys/dev/block/8:48",
             "../../devices/pci0000:00/0000:00:01.1/ata2/host6/target6:0:1/6:0:1:0/block/sdd");

    /* a loop device and its partition */
    put_text("sys/devices/virtual/block/loop0/dev", "7:0\n");
    put_text("sys/devices/virtual/block/loop0/loop/backing_file", "/srv/a b.img\n");
    put_text("sys/devices/virtual/block/loop0/loop0p1/partition", "1\n");
    put_link("sys/dev/block/7:0", "../../devices/virtual/block/loop0");
    put_link("sys/dev/block/259:7", "../../devices/virtual/block/loop0/loop0p1");
}

static void
remove_tree(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        remove_tree(child);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_remove(path);
}

static void
teardown(void)
{
    remove_tree(root);
    g_free(root);
}

static const struct {
    guint major_number;
    guint minor_number;
    const char *name;
    const char *disk; /* as JSON; "" none */
    const char *bus_type;
    guint scsi[3];
    const char *node;
    const char *udev_name;
    const char *backing_file;
} cases[] = {
    {252,
     1,
     "vda1",
     "{\"serial\":\"root-disk\",\"pci\":\"0000:01:00.0\"}",
     "virtio",
     {0},
     "/dev/vda1",
     "root-disk"},
    {8,
     0,
     "sda",
     "{\"serial\":\"data\",\"pci\":\"0000:00:06.0\",\"scsi\":\"0:1:3\"}",
     "scsi",
     {0, 1, 3},
     "/dev/sda",
     "0QEMU_HARDDISK_data"},
    {259,
     0,
     "nvme0n1",
     "{\"serial\":\"nv 1\",\"pci\":\"0000:00:07.0\"}",
     "nvme",
     {0},
     "/dev/nvme0n1",
     "nv 1"},
    {8, 16, "sdb", "{\"pci\":\"0000:00:1f.2\",\"scsi\":\"0:0:1\"}", "sata", {0, 0, 1}, "/dev/sdb"},
    {8, 32, "sdc", "{\"pci\":\"0000:00:08.0\",\"scsi\":\"0:0:2\"}", "scsi", {0, 0, 2}, "/dev/sdc"},
    {8, 48, "sdd", "{\"pci\":\"0000:00:01.1\",\"scsi\":\"1:0:1\"}", "ide", {1, 0, 1}, "/dev/sdd"},
    {7, 0, "loop0", "", NULL, {0}, NULL, NULL, "/srv/a b.img"},
    {259, 7, "loop0p1", "", NULL, {0}},
    {9, 9, "9:9", ""},
};

START_TEST(test_reads_what_sysfs_says)
{
    g_autoptr(LullDevice) device =
        lull_device_read(root, makedev(cases[_i].major_number, cases[_i].minor_number));
    g_autoptr(LullJson) disk = lull_disk_to_json(&device->disk);

    ck_assert_str_eq(device->name, cases[_i].name);
    ck_assert_str_eq(disk ? lull_json_to_line(disk) : "", cases[_i].disk);
    ck_assert_pstr_eq(device->bus_type, cases[_i].bus_type);
    ck_assert_mem_eq(device->scsi_address, cases[_i].scsi, sizeof cases[_i].scsi);
    ck_assert_pstr_eq(device->node, cases[_i].node);
    ck_assert_pstr_eq(device->udev_name, cases[_i].udev_name);
    ck_assert_pstr_eq(device->backing_file, cases[_i].backing_file);
}
END_TEST

START_TEST(test_counts_writes_where_the_file_system_is)
{
    g_autoptr(LullDevice) device = lull_device_read(root, makedev(252, 1));

    ck_assert(g_str_has_suffix(device->counter, "/sys/dev/block/252:1/stat"));
}
END_TEST

static const struct {
    LullDisk disk;
    const char *wanted;
    gboolean matches;
} matches[] = {
    {{"s", "0000:00:05.0", NULL}, "{'serial':'s'}", TRUE},
    {{"s", "0000:00:05.0", NULL}, "{'serial':'t','pci':'0000:00:05.0'}", FALSE},
    {{NULL, "0000:00:05.0", NULL}, "{'serial':'t','pci':'0000:00:05.0'}", TRUE},
    {{"s", "0000:00:0a.0", NULL}, "{'pci':'0000:00:0A.0'}", TRUE},
    {{"s", NULL, NULL}, "{'pci':'0000:00:05.0'}", FALSE},
    {{NULL, "0000:00:05.0", "0:0:1"}, "{'pci':'0000:00:05.0','scsi':'0:0:1'}", TRUE},
    {{NULL, "0000:00:05.0", "0:0:1"}, "{'pci':'0000:00:05.0','scsi':'0:0:2'}", FALSE},
    {{NULL, "0000:00:05.0", "0:0:1"}, "{'pci':'0000:00:06.0','scsi':'0:0:1'}", FALSE},
    {{"s", "0000:00:05.0", NULL}, "{}", FALSE},
    {{"s", "0000:00:05.0", NULL}, "{'serial':7}", FALSE},
    {{NULL, NULL, NULL}, "{'serial':'s'}", FALSE},
    /* virtio-blk passes on twenty bytes */
    {{"01234567890123456789", NULL, NULL}, "{'serial':'01234567890123456789abc'}", TRUE},
    {{"0123456789012345678", NULL, NULL}, "{'serial':'0123456789012345678abc'}", FALSE},
};

START_TEST(test_knows_a_disk_by_serial_or_address)
{
    g_autoptr(LullJson) wanted = lull_json_parse(matches[_i].wanted, -1, NULL);

    ck_assert_ptr_nonnull(wanted);
    ck_assert_int_eq(lull_disk_matches(&matches[_i].disk, wanted), matches[_i].matches);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("device");
    TCase *tcase = tcase_create("device");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test_reads_what_sysfs_says, 0, G_N_ELEMENTS(cases));
    tcase_add_test(tcase, test_counts_writes_where_the_file_system_is);
    tcase_add_loop_test(tcase, test_knows_a_disk_by_serial_or_address, 0, G_N_ELEMENTS(matches));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
