/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/guest/refusal.h"
#include "tests/lib/check-main.h"

#define FILE_DISK .source = "file", .path = "/images/x"

static const struct {
    LullDisk disk;
    const char *why, *remedy; /* NULL: it is saved */
} rows[] = {
    {{FILE_DISK}, NULL, NULL},
    {{FILE_DISK, .device = "disk", .format = "raw", .bus = "virtio"}, NULL, NULL},
    {{FILE_DISK, .format = "qcow2", .bus = "scsi"}, NULL, NULL},
    {{.source = "block", .path = "/dev/vg/lv", .format = "raw"}, NULL, NULL},
    /* what it is */
    {{FILE_DISK, .device = "cdrom"}, "it is a cdrom", "kept elsewhere"},
    {{.device = "cdrom"}, "it is a cdrom", "kept elsewhere"},
    {{FILE_DISK, .device = "floppy"}, "it is a floppy", "onto a disk"},
    {{.source = "block", .path = "/dev/x", .device = "lun"}, "it is a lun", "device='disk'"},
    {{FILE_DISK, .device = "new"}, "it is a new", "device='disk'"},
    {{FILE_DISK, .bus = "sd"}, "it is an SD card", "another bus"},
    /* how it is used */
    {{FILE_DISK, .read_only = TRUE}, "read-only", "without <readonly/>"},
    {{FILE_DISK, .transient = TRUE}, "transient", "without <transient/>"},
    {{FILE_DISK, .shareable = TRUE}, "shareable", "take <shareable/> away"},
    /* where it is */
    {{.source = "network"}, "of type network", "rbd map"},
    {{.source = "volume"}, "of type volume", "virsh vol-path"},
    {{.source = "dir", .path = "/x"}, "of type dir", "virtiofs"},
    {{.source = "nvme"}, "of type nvme", "block device of the host"},
    {{.source = "vhostuser"}, "of type vhostuser", "snapshots of the storage"},
    {{.source = "vhostvdpa"}, "of type vhostvdpa", "snapshots of the storage"},
    {{.source = "new"}, "of type new", "as a file or block device"},
    {{.path = "/x"}, "of type unknown", "as a file or block device"},
    {{.source = "file"}, "no source", "give it one"},
    {{.source = "file", .path = "x.raw"}, "not an absolute path", "give it one"},
    /* what is in it */
    {{FILE_DISK, .format = "qcow2", .encrypted = TRUE}, "encrypted by QEMU", "encrypt in the guest"},
    {{FILE_DISK, .format = "raw", .encrypted = TRUE}, "encrypted by QEMU", "encrypt in the guest"},
    {{FILE_DISK, .sliced = TRUE}, "a slice", "of its own"},
    {{FILE_DISK, .format = "qcow2", .data_apart = TRUE}, "in another file", "qemu-img convert"},
    {{FILE_DISK, .format = "qed"}, "its format is qed", "qemu-img convert -f qed -O qcow2"},
    {{FILE_DISK, .format = "vmdk"}, "its format is vmdk", "qemu-img convert -f vmdk -O qcow2"},
    {{FILE_DISK, .format = "vdi"}, "its format is vdi", "qemu-img convert -f vdi -O qcow2"},
    {{FILE_DISK, .format = "vpc"}, "its format is vpc", "qemu-img convert -f vpc -O qcow2"},
    {{FILE_DISK, .format = "vhdx"}, "its format is vhdx", "qemu-img convert -f vhdx -O qcow2"},
    {{FILE_DISK, .format = "qcow"}, "its format is qcow,", "qemu-img convert -f qcow -O qcow2"},
    {{FILE_DISK, .format = "parallels"}, "its format is parallels", "-f parallels -O qcow2"},
    {{FILE_DISK, .format = "ploop"}, "its format is ploop", "-f parallels -O qcow2"},
    {{FILE_DISK, .format = "bochs"}, "its format is bochs", "-f bochs -O qcow2"},
    {{FILE_DISK, .format = "cloop"}, "its format is cloop", "-f cloop -O qcow2"},
    {{FILE_DISK, .format = "dmg"}, "its format is dmg", "-f dmg -O qcow2"},
    {{FILE_DISK, .format = "new"}, "its format is new", "qemu-img convert -O qcow2"},
};

START_TEST(a_disk_that_is_left_out_says_why_and_what_to_do)
{
    g_autofree char *text = lull_disk_refusal(&rows[_i].disk);
    const char *parting = text ? strstr(text, ": ") : NULL;

    if (!rows[_i].why) {
        ck_assert_ptr_null(text);
        return;
    }
    ck_assert_msg(text && strstr(text, rows[_i].why), "%s: %s", rows[_i].why, text);
    ck_assert_msg(strstr(text, rows[_i].remedy), "%s: %s", rows[_i].remedy, text);
    ck_assert_msg(parting && strstr(text, rows[_i].why) < parting && strlen(text) < 220, "%s", text);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("refusal");
    TCase *tcase = tcase_create("refusal");

    tcase_add_loop_test(tcase, a_disk_that_is_left_out_says_why_and_what_to_do, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
