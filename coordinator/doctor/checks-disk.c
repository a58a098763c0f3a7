/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/doctor/checks.h"

#define MAX_VIRTIO_SERIAL 20 /* bytes that the guest sees */

static void
unsafe_cache(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk, const char *name,
             GPtrArray *findings)
{
    LullFinding *finding;

    if (!disk->flushes_ignored || !disk->keeps_data)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "its cache is \"unsafe\": the host ignores what the guest flushes");
    lull_finding_say(&finding->why,
                     "a crash of the host loses data that the guest was told is on disk, and no "
                     "write counter can witness a freeze");
    lull_finding_say(&finding->remedy,
                     "virsh edit %s     # <driver name='qemu' type='%s' cache='none'/>\n"
                     "# It counts from the next start of the machine on.",
                     vm->shell_name, disk->format);
}

static void
serial_missing(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk, const char *name,
               GPtrArray *findings)
{
    /* where an address is not given before the start, the running machine will have one */
    const gboolean addressed = disk->pci || disk->scsi || g_strcmp0(disk->bus, "virtio") == 0;
    LullFinding *finding;

    if (disk->serial || !disk->keeps_data)
        return;
    finding = lull_finding_add(findings, name, addressed ? LULL_SEVERITY_NOTE : LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "it has no serial number");
    lull_finding_say(&finding->why, "%s",
                     addressed
                         ? "the guest's file systems are told to be on it by its address, which changes when "
                           "the machine's devices do"
                         : "nothing tells which file systems of the guest are on it: all are frozen, and "
                           "reports cannot say what was on which volume");
    lull_finding_say(&finding->remedy,
                     "virsh edit %s     # in the <disk> of %s: <serial>%s-%s</serial>\n"
                     "# It counts from the next start of the machine on.",
                     vm->shell_name, disk->disk, vm->vm->name, disk->disk);
}

/* As the guest sees them. */
static gboolean
serials_are_alike(const LullVmVolume *a, const LullVmVolume *b)
{
    const gboolean cut = g_strcmp0(a->bus, "virtio") == 0 && g_strcmp0(b->bus, "virtio") == 0;

    if (!a->serial || !b->serial)
        return FALSE;
    return cut ? strncmp(a->serial, b->serial, MAX_VIRTIO_SERIAL) == 0 : g_str_equal(a->serial, b->serial);
}

static void
serial_twice(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk, const char *name,
             GPtrArray *findings)
{
    for (guint i = 0; vm->vm->volumes->pdata[i] != disk; i++) {
        const LullVmVolume *other = vm->vm->volumes->pdata[i];
        LullFinding *finding;

        if (!serials_are_alike(disk, other))
            continue;
        finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
        lull_finding_say(
            &finding->what, "the guest sees the same serial number on it as on %s%s", other->disk,
            g_str_equal(disk->serial, other->serial) ? "" : ": the first 20 characters are the same");
        lull_finding_say(&finding->why, "nothing tells which of the two a file system of the guest is on");
        lull_finding_say(&finding->remedy,
                         "virsh edit %s     # in the <disk> of %s: <serial>%s-%s</serial>\n"
                         "# It counts from the next start of the machine on.",
                         vm->shell_name, disk->disk, vm->vm->name, disk->disk);
        return;
    }
}

static const char *
way_in(const char *source)
{
    if (g_str_equal(source, "network"))
        return "# Attach the storage to this host (iSCSI, rbd map, NFS) and give it as a block device or "
               "file.";
    if (g_str_equal(source, "volume"))
        return "virsh vol-path VOLUME --pool POOL     # and give that as <disk type='file'> or 'block'";
    if (g_str_equal(source, "vhostuser") || g_str_equal(source, "vhostvdpa") || g_str_equal(source, "nvme"))
        return "# QEMU does not see its data. Use snapshots of the storage behind it, or another kind of "
               "disk.";
    return "# Mend what is said above, with virsh edit.";
}

static void
left_out(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk, const char *name,
         GPtrArray *findings)
{
    LullFinding *finding;

    if (!disk->excluded || !disk->keeps_data)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "it is left out of snapshots: %s", disk->excluded);
    lull_finding_say(&finding->why, "what is on it cannot be brought back, and does not fit what is");
    lull_finding_say(&finding->remedy, "%s\nlull snapshot %s --exclude %s     # or say that it is meant",
                     way_in(disk->source), vm->vm->name, disk->name);
}

static void
raw_incremental(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk, const char *name,
                GPtrArray *findings)
{
    LullFinding *finding;

    if (!vm->vm->incremental || disk->excluded || g_str_equal(disk->format, "qcow2"))
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "incremental snapshots are asked for, and its format is %s",
                     disk->format);
    lull_finding_say(&finding->why, "only qcow2 can remember what changed: it is copied whole each time");
    g_autofree char *path = g_shell_quote(disk->path);
    lull_finding_say(&finding->remedy,
                     "# while the machine is off:\n"
                     "qemu-img convert -O qcow2 %s NEW-FILE\n"
                     "virsh edit %s     # <driver name='qemu' type='qcow2'/>, and the new file",
                     path, vm->shell_name);
}

/* The machine before @vm that has the same file, which both write to; each pair is told once. */
static const LullVmFacts *
other_owner(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk)
{
    for (guint i = 0; facts->vms->pdata[i] != vm; i++) {
        const LullVmFacts *other = facts->vms->pdata[i];

        for (guint n = 0; n < other->vm->volumes->len; n++) {
            const LullVmVolume *its = other->vm->volumes->pdata[n];

            if (!its->read_only && g_strcmp0(its->path, disk->path) == 0)
                return other;
        }
    }
    return NULL;
}

static void
disk_of_two(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk, const char *name,
            GPtrArray *findings)
{
    const LullVmFacts *other = disk->path && !disk->read_only ? other_owner(facts, vm, disk) : NULL;
    LullFinding *finding;

    if (!other)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "%s is a disk of vm %s too", disk->path, other->vm->name);
    lull_finding_say(&finding->why,
                     "a restore of one overwrites what the other has; running both destroys it");
    lull_finding_say(&finding->remedy,
                     "# give one of them a disk of its own, or take it away:\n"
                     "virsh detach-disk %s %s --config",
                     vm->shell_name, disk->disk);
}

static void
disk_missing(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk, const char *name,
             GPtrArray *findings)
{
    LullFinding *finding;

    if (g_strcmp0(vm->missing, disk->disk) != 0)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "%s is not there", disk->path);
    lull_finding_say(&finding->why, "the machine cannot start, and nothing of the disk can be saved");
    lull_finding_say(&finding->remedy,
                     "lull snapshots --vm %s     # lull restore brings it back from one of them",
                     vm->vm->name);
}

static void
block_job(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk, const char *name,
          GPtrArray *findings)
{
    LullFinding *finding;

    if (!disk->mirrored)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "a block job is copying or moving it");
    lull_finding_say(&finding->why, "libvirt takes no backup of a disk meanwhile: snapshots wait or fail");
    lull_finding_say(&finding->remedy,
                     "virsh blockjob %s %s --info\n"
                     "virsh blockjob %s %s --pivot     # or --abort, when it is ready",
                     vm->shell_name, disk->disk, vm->shell_name, disk->disk);
}

const LullCheck lull_checks_of_disk[] = {
    {"unsafe-cache", .of_disk = unsafe_cache},
    {"serial-missing", .of_disk = serial_missing},
    {"serial-twice", .of_disk = serial_twice},
    {"left-out", .of_disk = left_out},
    {"raw-incremental", .of_disk = raw_incremental},
    {"disk-of-two", .of_disk = disk_of_two},
    {"disk-missing", .of_disk = disk_missing},
    {"block-job", .of_disk = block_job},
    {NULL},
};
