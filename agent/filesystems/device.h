/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* What the guest knows of a disk that its host knows too. Any member may be NULL. */
typedef struct {
    char *serial; /* what the host configured; virtio-blk passes on its first 20 bytes */
    char *pci;    /* "0000:00:05.0": the disk, or its controller */
    char *scsi;   /* "bus:target:unit" behind that controller */
} LullDisk;

/* One block device under a file system. */
typedef struct {
    char *name;          /* "vda1"; "MAJ:MIN" where sysfs does not know it */
    char *counter;       /* path of its stat file, NULL if there is none */
    char *backing_file;  /* loop devices (not their partitions): the file; else NULL */
    gboolean is_virtual; /* loop, dm, md and the like: no hardware of its own */
    LullDisk disk;
    /* for guest-get-fsinfo */
    char *bus_type;        /* QAPI's GuestDiskBusType; NULL: not recognised */
    char *node;            /* "/dev/vda1"; NULL unless hardware */
    char *udev_name;       /* udev's ID_SERIAL, else the serial */
    guint pci_address[4];  /* domain, bus, slot, function; valid where disk.pci is */
    guint scsi_address[3]; /* bus, target, unit; zero unless SCSI */
    gboolean has_ccw;
    guint ccw_address[4]; /* css, subchannel set, subchannel, device */
} LullDevice;

void lull_device_free(LullDevice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullDevice, lull_device_free)

/* Reads sysfs and udev's database below @root ("" on a live system; tests give a recorded tree). Never
 * fails: what is not known is NULL. Touches neither the device nor a file system on it. */
LullDevice *lull_device_read(const char *root, dev_t device) G_GNUC_WARN_UNUSED_RESULT;

/* Pure: is @disk the one described by @wanted, an object {serial?, pci?, scsi?}? The first of serial and
 * address that both sides know decides. */
gboolean lull_disk_matches(const LullDisk *disk, LullJson *wanted);

/* Whether there is anything to tell it from others by. */
gboolean lull_disk_is_known(const LullDisk *disk);

/* The object for the wire; NULL where nothing is known. */
LullJson *lull_disk_to_json(const LullDisk *disk) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
