/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/refusal.h"

/* Texts by a word, the last row for all others. */
typedef struct {
    const char *word;
    const char *text;
} Row;

static const char *
find(const Row *rows, const char *word)
{
    while (rows->word && g_strcmp0(rows->word, word) != 0)
        rows++;
    return rows->text;
}

static char *
of_device(const LullDisk *disk)
{
    static const Row rows[] = {
        {"cdrom", "what is in it comes from a file that is kept elsewhere"},
        {"floppy", "move what has to be kept onto a disk"},
        {"lun", "use device='disk', or snapshots of the storage behind it"},
        {NULL, "use device='disk'"},
    };

    return g_strdup_printf("it is a %s, not a disk: %s", disk->device, find(rows, disk->device));
}

/* What says how the disk is used. */
static const char *
of_use(const LullDisk *disk)
{
    if (disk->read_only)
        return "it is read-only: the guest changes nothing on it; without <readonly/> it is saved";
    if (disk->transient)
        return "it is transient: nothing on it outlives the guest; without <transient/> it is saved";
    if (disk->shareable)
        return "it is shareable: another guest may write to it during the cut; give each a disk of its own, "
               "or "
               "take <shareable/> away where only one uses it";
    if (g_strcmp0(disk->bus, "sd") == 0)
        return "it is an SD card: libvirt copies none; put it on another bus (virtio, scsi, sata)";
    return NULL;
}

static char *
of_source(const LullDisk *disk)
{
    static const Row rows[] = {
        {"network",
         "attach that storage to this host (iSCSI, rbd map, NFS) and give it as a file or block device"},
        {"volume", "give what virsh vol-path says of it, as a file or block device"},
        {"dir", "share the folder by virtiofs, or make an image of it"},
        {"nvme", "QEMU drives the device itself; give it as a block device of the host"},
        {"vhostuser", "QEMU does not see its data; use snapshots of the storage behind it"},
        {"vhostvdpa", "QEMU does not see its data; use snapshots of the storage behind it"},
        {NULL, "give it as a file or block device"},
    };

    return g_strdup_printf("its source is of type %s, only file and block can be restored: %s",
                           disk->source ? disk->source : "unknown", find(rows, disk->source));
}

static const char *
of_file(const LullDisk *disk)
{
    if (!disk->path)
        return "it has no source: give it one, or take the disk away";
    if (!g_path_is_absolute(disk->path))
        return "its source is not an absolute path: give it one";
    if (disk->encrypted)
        return "it is encrypted by QEMU: a copy would hold its data in the clear; encrypt in the guest, or "
               "beneath the image on the host";
    if (disk->sliced)
        return "it is a slice of a file: give it a file or device of its own";
    if (disk->data_apart)
        return "its data are in another file than the image: a restore would part them; qemu-img convert "
               "-O qcow2 makes one file of them";
    return NULL;
}

static char *
of_format(const LullDisk *disk)
{
    static const Row rows[] = {
        {"qed", "-f qed "},     {"vmdk", "-f vmdk "},           {"vdi", "-f vdi "},   {"vpc", "-f vpc "},
        {"vhdx", "-f vhdx "},   {"parallels", "-f parallels "}, {"qcow", "-f qcow "}, {"bochs", "-f bochs "},
        {"cloop", "-f cloop "}, {"ploop", "-f parallels "},     {"dmg", "-f dmg "},   {NULL, ""},
    };

    return g_strdup_printf("its format is %s, only raw and qcow2 can be restored: while the machine is off, "
                           "qemu-img convert %s-O qcow2 its file to a new one, and give it that",
                           disk->format, find(rows, disk->format));
}

char *
lull_disk_refusal(const LullDisk *disk)
{
    const char *text;

    if (disk->device && !g_str_equal(disk->device, "disk"))
        return of_device(disk);
    text = of_use(disk);
    if (text)
        return g_strdup(text);
    if (g_strcmp0(disk->source, "file") != 0 && g_strcmp0(disk->source, "block") != 0)
        return of_source(disk);
    text = of_file(disk);
    if (text)
        return g_strdup(text);
    return disk->format && !g_str_equal(disk->format, "raw") && !g_str_equal(disk->format, "qcow2")
               ? of_format(disk)
               : NULL;
}
