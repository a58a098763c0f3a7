/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/filesystems/device.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define VIRTIO_SERIAL_BYTES 20 /* virtio-blk's field; a longer serial arrives cut */
#define ATTRIBUTE_MAX       4096

void
lull_device_free(LullDevice *self)
{
    if (!self)
        return;
    g_free(self->name);
    g_free(self->counter);
    g_free(self->backing_file);
    g_free(self->disk.serial);
    g_free(self->disk.pci);
    g_free(self->disk.scsi);
    g_free(self->bus_type);
    g_free(self->node);
    g_free(self->udev_name);
    g_free(self);
}

/* An attribute's text without blanks around it; NULL if it is absent or empty. */
static char *
read_attribute(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;
    gsize length = 0;

    if (!g_file_get_contents(path, &text, &length, NULL) || length > ATTRIBUTE_MAX)
        return NULL;
    g_strstrip(text);
    return *text ? g_steal_pointer(&text) : NULL;
}

/* SCSI's unit serial number page: four bytes of header, then the text. */
static char *
read_vpd_serial(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "device", "vpd_pg80", NULL);
    g_autofree char *bytes = NULL;
    g_autofree char *text = NULL;
    gsize length = 0;

    if (!g_file_get_contents(path, &bytes, &length, NULL) || length <= 4 || length > ATTRIBUTE_MAX)
        return NULL;
    text = g_strstrip(g_strndup(bytes + 4, length - 4));
    return *text ? g_steal_pointer(&text) : NULL;
}

/* A property of udev's database, a text file of lines like "E:ID_SERIAL=...". */
static char *
read_udev(const char *root, dev_t device, const char *property)
{
    g_autofree char *path = g_strdup_printf("%s/run/udev/data/b%u:%u", root, major(device), minor(device));
    g_autofree char *start = g_strdup_printf("E:%s=", property);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++)
        if (g_str_has_prefix(lines[i], start) && lines[i][strlen(start)])
            return g_strdup(lines[i] + strlen(start));
    return NULL;
}

static gboolean
read_pci_name(const char *component, guint ret_address[4])
{
    int end = 0;

    return strlen(component) >= 12 &&
           sscanf(component, "%4x:%2x:%2x.%1x%n", &ret_address[0], &ret_address[1], &ret_address[2],
                  &ret_address[3], &end) == 4 &&
           component[end] == '\0';
}

static const struct {
    const char *driver;
    const char *bus_type;
} drivers[] = {
    {"virtio-pci", "virtio"}, {"ahci", "sata"},    {"ata_piix", "ide"}, {"sym53c8xx", "scsi"},
    {"nvme", "nvme"},         {"xhci_hcd", "usb"}, {"ehci-pci", "usb"},
};

static const char *
bus_type_of(const char *folder)
{
    g_autofree char *link = g_build_filename(folder, "driver", NULL);
    g_autofree char *target = g_file_read_link(link, NULL);
    g_autofree char *name = target ? g_path_get_basename(target) : NULL;

    for (gsize i = 0; name && i < G_N_ELEMENTS(drivers); i++)
        if (g_str_equal(drivers[i].driver, name))
            return drivers[i].bus_type;
    return NULL;
}

/* Which of its controller's ports "ata10" is, counted from 0: the n-th of these folders by number. */
static guint
port_index(const char *controller, guint number)
{
    GDir *dir = g_dir_open(controller, 0, NULL);
    guint before = 0;
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        guint other;

        if (sscanf(name, "ata%u", &other) == 1 && other < number)
            before++;
    }
    if (dir)
        g_dir_close(dir);
    return before;
}

static void
replace(char **text, char *take)
{
    g_free(*text);
    *text = take;
}

/* libvirt and the peer count SATA disks by port and IDE disks by channel; behind LSI Logic's SCSI controller,
 * the only one whose driver is in the table as "scsi", the target is their unit. */
static void
count_as_others(LullDevice *self, guint port)
{
    if (g_strcmp0(self->bus_type, "sata") == 0) {
        memset(self->scsi_address, 0, sizeof self->scsi_address);
        self->scsi_address[2] = port;
    } else if (g_strcmp0(self->bus_type, "ide") == 0) {
        self->scsi_address[2] = self->scsi_address[1];
        self->scsi_address[1] = 0;
        self->scsi_address[0] = port;
    } else if (g_strcmp0(self->bus_type, "scsi") == 0) {
        self->scsi_address[2] = self->scsi_address[1];
        self->scsi_address[1] = 0;
    }
}

/* Walks the resolved sysfs path from the root. The first PCI device with a known driver is the
 * controller; without one, the deepest PCI device is. */
static void
read_address(LullDevice *self, const char *folder)
{
    g_auto(GStrv) parts = g_strsplit(folder, "/", -1);
    g_autoptr(GString) walked = g_string_new(NULL);
    g_autofree char *controller = NULL;
    gboolean is_scsi = FALSE;
    guint port = 0;
    guint pci[4];
    guint scsi[4];
    int end;

    for (guint i = 0; parts[i]; i++) {
        g_string_append_printf(walked, "%s%s", i > 0 ? "/" : "", parts[i]);
        end = 0;
        if (!self->bus_type && read_pci_name(parts[i], pci)) {
            memcpy(self->pci_address, pci, sizeof pci);
            replace(&self->disk.pci, g_strdup(parts[i]));
            replace(&controller, g_strdup(walked->str));
            self->bus_type = g_strdup(bus_type_of(walked->str));
        } else if (controller && sscanf(parts[i], "ata%u%n", &port, &end) == 1 && parts[i][end] == '\0') {
            port = port_index(controller, port);
        } else if (sscanf(parts[i], "%u:%u:%u:%u%n", &scsi[0], &scsi[1], &scsi[2], &scsi[3], &end) == 4 &&
                   parts[i][end] == '\0') {
            memcpy(self->scsi_address, scsi + 1, sizeof self->scsi_address);
            is_scsi = TRUE;
        }
    }
    if (!is_scsi)
        return;
    count_as_others(self, port);
    self->disk.scsi =
        g_strdup_printf("%u:%u:%u", self->scsi_address[0], self->scsi_address[1], self->scsi_address[2]);
    if (g_strcmp0(self->bus_type, "virtio") == 0)
        replace(&self->bus_type, g_strdup("scsi"));
}

/* On mainframes, "devices/css0/0.0.0002/0.0.1000": the subchannel and the device behind it. */
static void
read_channel(LullDevice *self, const char *folder)
{
    const char *start = strstr(folder, "/devices/css");
    guint ccw[4];

    if (!start ||
        sscanf(start, "/devices/css%*x/%x.%x.%x/%*x.%*x.%x/", &ccw[0], &ccw[1], &ccw[2], &ccw[3]) != 4)
        return;
    memcpy(self->ccw_address, ccw, sizeof ccw);
    self->has_ccw = TRUE;
    if (!self->bus_type && strstr(start, "/virtio"))
        self->bus_type = g_strdup("virtio");
}

/* NVMe with several ways to it hangs in the air, and its subsystem has links to the controllers: the folder
 * of the first of them, NULL where this is nothing of the kind. */
static char *
first_controller(const char *folder)
{
    g_autofree char *subsystem = g_path_get_dirname(folder);
    g_autofree char *first = NULL;
    guint lowest = G_MAXUINT;
    const char *name;
    GDir *dir;

    if (!strstr(folder, "/devices/virtual/nvme-subsystem/"))
        return NULL;
    dir = g_dir_open(subsystem, 0, NULL);
    while (dir && (name = g_dir_read_name(dir))) {
        guint number;
        int end = 0;

        if (sscanf(name, "nvme%u%n", &number, &end) == 1 && name[end] == '\0' && number < lowest) {
            lowest = number;
            replace(&first, g_build_filename(subsystem, name, NULL));
        }
    }
    if (dir)
        g_dir_close(dir);
    return first ? realpath(first, NULL) : NULL;
}

/* What belongs to the whole disk: its folder, not the partition's. */
static void
read_disk(LullDevice *self, const char *root, const char *folder)
{
    g_autofree char *number = read_attribute(folder, "dev");
    g_autofree char *controller = first_controller(folder);
    guint major_number = 0;
    guint minor_number = 0;
    dev_t device = 0;

    if (number && sscanf(number, "%u:%u", &major_number, &minor_number) == 2)
        device = makedev(major_number, minor_number);
    self->disk.serial = read_attribute(folder, "serial");
    if (!self->disk.serial)
        self->disk.serial = read_attribute(folder, "device/serial");
    if (!self->disk.serial)
        self->disk.serial = read_vpd_serial(folder);
    if (!self->disk.serial)
        self->disk.serial = read_udev(root, device, "ID_SERIAL_SHORT");
    self->udev_name = read_udev(root, device, "ID_SERIAL");
    if (!self->udev_name)
        self->udev_name = g_strdup(self->disk.serial);
    read_address(self, controller ? controller : folder);
    read_channel(self, folder);
}

LullDevice *
lull_device_read(const char *root, dev_t device)
{
    g_autofree char *link = g_strdup_printf("%s/sys/dev/block/%u:%u", root, major(device), minor(device));
    char resolved[PATH_MAX];
    LullDevice *self = g_new0(LullDevice, 1);
    g_autofree char *partition = NULL;
    g_autofree char *disk = NULL;

    if (!realpath(link, resolved)) {
        self->name = g_strdup_printf("%u:%u", major(device), minor(device));
        return self;
    }
    self->name = g_path_get_basename(resolved);
    self->counter = g_build_filename(link, "stat", NULL);
    self->backing_file = read_attribute(resolved, "loop/backing_file");
    self->is_virtual = strstr(resolved, "/devices/virtual/block/") != NULL;
    if (self->is_virtual)
        return self;
    self->node = g_strdelimit(g_strconcat("/dev/", self->name, NULL), "!", '/');
    partition = read_attribute(resolved, "partition");
    disk = partition ? g_path_get_dirname(resolved) : g_strdup(resolved);
    read_disk(self, root, disk);
    return self;
}

static gboolean
serial_matches(const char *ours, const char *wanted)
{
    if (strlen(ours) == VIRTIO_SERIAL_BYTES)
        return strncmp(ours, wanted, VIRTIO_SERIAL_BYTES) == 0;
    return g_str_equal(ours, wanted);
}

gboolean
lull_disk_matches(const LullDisk *disk, LullJson *wanted)
{
    const char *serial = lull_json_string(wanted, "serial", NULL);
    const char *pci = lull_json_string(wanted, "pci", NULL);
    const char *scsi = lull_json_string(wanted, "scsi", NULL);

    if (serial && disk->serial)
        return serial_matches(disk->serial, serial);
    if (pci && disk->pci && g_ascii_strcasecmp(pci, disk->pci) != 0)
        return FALSE;
    if (scsi && disk->scsi)
        return g_str_equal(scsi, disk->scsi);
    return pci && disk->pci;
}

gboolean
lull_disk_is_known(const LullDisk *disk)
{
    return disk->serial || disk->pci || disk->scsi;
}

LullJson *
lull_disk_to_json(const LullDisk *disk)
{
    LullJson *object;

    if (!lull_disk_is_known(disk))
        return NULL;
    object = json_object_new_object();
    lull_json_set_string(object, "serial", disk->serial);
    lull_json_set_string(object, "pci", disk->pci);
    lull_json_set_string(object, "scsi", disk->scsi);
    return object;
}
