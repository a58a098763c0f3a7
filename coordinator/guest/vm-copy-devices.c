/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm-copy-private.h"

/* What is copied is what is known: a device that both machines would write to, or of which one would take
 * away the other's, is changed or refused; so is what nobody here knows. */

#define AMONG(node, name, ...) lull_copy_attribute_among(node, name, (const char *const[]){__VA_ARGS__, NULL})

static gboolean
keep(xmlNode *device, LullJson *disks, GError **error)
{
    (void)device;
    (void)disks;
    (void)error;
    return TRUE;
}

/* Media, which are read only, and what nobody writes to. */
static gboolean
may_be_shared(const xmlNode *disk)
{
    const gboolean common = AMONG(disk, "type", "file", "block", "dir", "network", "volume");

    return !lull_copy_child(disk, "source") ||
           (common && (lull_copy_attribute_is(disk, "device", "cdrom") || lull_copy_child(disk, "readonly") ||
                       lull_copy_child(disk, "transient")));
}

/* Where it was: on a server, in a part of a file, in a second file. */
static void
drop_place(xmlNode *source)
{
    xmlNode *next = NULL;

    while (source->properties)
        xmlRemoveProp(source->properties);
    for (xmlNode *each = source->children; each; each = next) {
        next = each->next;
        if (!lull_copy_is_element(each, "seclabel") && !lull_copy_is_element(each, "encryption"))
            lull_copy_drop(each);
    }
}

static gboolean
copy_disk(xmlNode *disk, LullJson *disks, GError **error)
{
    g_autofree char *target = lull_copy_attribute(lull_copy_child(disk, "target"), "dev");
    const char *path = target ? lull_json_string(disks, target, NULL) : NULL;
    xmlNode *source = lull_copy_child(disk, "source");

    if (!path && may_be_shared(disk))
        return TRUE;
    if (!path || !source) {
        g_autofree char *what = g_strdup_printf("disk %s", target ? target : "without a name");

        return lull_copy_refuse(
            error, what,
            "is not in the snapshot, and both would write to it: take a snapshot with that disk, or "
            "restore this one onto the machine itself");
    }
    drop_place(source);
    lull_copy_set_attribute(disk, "type", "file");
    lull_copy_set_attribute(source, "file", path);
    lull_copy_drop(lull_copy_child(disk, "backingStore"));
    lull_copy_drop(lull_copy_child(disk, "mirror"));
    return TRUE;
}

/* Its connection to a switch, the name that it has on the host, and ports of the host, are its own too. */
static gboolean
copy_interface(xmlNode *interface, LullJson *disks, GError **error)
{
    xmlNode *parameters = lull_copy_child(lull_copy_child(interface, "virtualport"), "parameters");
    const gboolean passed =
        lull_copy_attribute_is(lull_copy_child(interface, "source"), "mode", "passthrough");
    const gboolean taken = lull_copy_attribute_is(lull_copy_child(interface, "target"), "managed", "no");

    (void)disks;
    if (passed || taken ||
        !AMONG(interface, "type", "network", "bridge", "user", "direct", "ethernet", "internal", "mcast",
               "client", "null"))
        return lull_copy_refuse_element(error, interface);
    lull_copy_drop(lull_copy_child(interface, "mac"));
    lull_copy_drop(lull_copy_child(interface, "target"));
    lull_copy_unset_attribute(parameters, "interfaceid");
    lull_copy_unset_attribute(parameters, "instanceid");
    lull_copy_unset_attribute(lull_copy_child(interface, "backend"), "logFile");
    while (lull_copy_child(interface, "portForward"))
        lull_copy_drop(lull_copy_child(interface, "portForward"));
    return TRUE;
}

/* It leads to who is there for any number of machines. */
static gboolean
is_shared_port(const xmlNode *port)
{
    const gboolean binds = lull_copy_attribute_is(lull_copy_child(port, "source"), "mode", "bind");

    if (AMONG(port, "type", "unix", "tcp"))
        return lull_copy_attribute_is(lull_copy_child(port, "source"), "mode", "connect");
    return AMONG(port, "type", "pty", "null", "vc", "stdio", "spicevmc", "spiceport", "qemu-vdagent",
                 "dbus") &&
           !binds;
}

/* libvirt makes a socket for a channel by itself, and for no other port. */
static gboolean
copy_port(xmlNode *port, LullJson *disks, GError **error)
{
    const gboolean virtio = lull_copy_attribute_is(lull_copy_child(port, "target"), "type", "virtio");

    (void)disks;
    (void)error;
    lull_copy_drop(lull_copy_child(port, "log"));
    if (is_shared_port(port))
        return TRUE;
    if (!lull_copy_attribute_is(port, "type", "unix") || !lull_copy_is_element(port, "channel") || !virtio) {
        lull_copy_set_attribute(port, "type", "pty");
        lull_copy_drop(lull_copy_child(port, "protocol"));
    }
    while (lull_copy_child(port, "source"))
        lull_copy_drop(lull_copy_child(port, "source"));
    return TRUE;
}

static gboolean
copy_vsock(xmlNode *vsock, LullJson *disks, GError **error)
{
    (void)disks;
    (void)error;
    lull_copy_drop(lull_copy_child(vsock, "cid"));
    lull_copy_set_attribute(xmlNewChild(vsock, NULL, (const xmlChar *)"cid", NULL), "auto", "yes");
    return TRUE;
}

/* Ports and sockets are libvirt's to choose. */
static gboolean
copy_graphics(xmlNode *graphics, LullJson *disks, GError **error)
{
    static const char *const own[] = {"port", "tlsPort", "websocket", "socket"};
    const gboolean port = AMONG(graphics, "type", "vnc", "spice", "rdp");
    const gboolean websocket = port && lull_copy_attribute_is(graphics, "type", "vnc") &&
                               xmlHasProp(graphics, (const xmlChar *)"websocket");

    (void)disks;
    if (!port && !AMONG(graphics, "type", "sdl", "egl-headless", "dbus"))
        return lull_copy_refuse_element(error, graphics);
    for (gsize i = 0; i < G_N_ELEMENTS(own); i++)
        lull_copy_unset_attribute(graphics, own[i]);
    if (port)
        lull_copy_set_attribute(graphics, "autoport", "yes");
    if (websocket)
        lull_copy_set_attribute(graphics, "websocket", "-1");
    for (xmlNode *each = graphics->children; each; each = each->next)
        if (lull_copy_is_element(each, "listen"))
            lull_copy_unset_attribute(each, "socket");
    return TRUE;
}

static gboolean
copy_filesystem(xmlNode *filesystem, LullJson *disks, GError **error)
{
    const gboolean daemon = xmlHasProp(filesystem, (const xmlChar *)"socket") ||
                            AMONG(lull_copy_child(filesystem, "driver"), "type", "virtiofs");

    (void)disks;
    if (lull_copy_child(filesystem, "readonly") && !daemon)
        return TRUE;
    return lull_copy_refuse(
        error, "its <filesystem>",
        "is a folder that both would write to: restore it onto the machine itself, or make it "
        "read-only and take another snapshot");
}

static gboolean
copy_memory(xmlNode *memory, LullJson *disks, GError **error)
{
    (void)disks;
    return AMONG(memory, "model", "dimm", "virtio-mem", "sgx-epc") || lull_copy_refuse_element(error, memory);
}

static gboolean
copy_spice_only(xmlNode *device, LullJson *disks, GError **error)
{
    (void)disks;
    return lull_copy_attribute_is(device, "type", "spicevmc") || lull_copy_refuse_element(error, device);
}

static gboolean
copy_rng(xmlNode *rng, LullJson *disks, GError **error)
{
    (void)disks;
    return AMONG(lull_copy_child(rng, "backend"), "model", "random", "builtin") ||
           lull_copy_refuse_element(error, rng);
}

static gboolean
copy_input(xmlNode *input, LullJson *disks, GError **error)
{
    (void)disks;
    return AMONG(input, "type", "mouse", "tablet", "keyboard") || lull_copy_refuse_element(error, input);
}

static gboolean
copy_audio(xmlNode *audio, LullJson *disks, GError **error)
{
    (void)disks;
    return !lull_copy_attribute_is(audio, "type", "file") || lull_copy_refuse_element(error, audio);
}

static gboolean
refuse_tpm(xmlNode *tpm, LullJson *disks, GError **error)
{
    (void)tpm;
    (void)disks;
    return lull_copy_refuse(error, "its TPM",
                            "holds what a copy must not have: restore it onto the machine itself");
}

static const struct {
    const char *name;
    gboolean (*copy)(xmlNode *device, LullJson *disks, GError **error);
} known[] = {
    {"emulator", keep},
    {"disk", copy_disk},
    {"controller", keep},
    {"interface", copy_interface},
    {"serial", copy_port},
    {"parallel", copy_port},
    {"console", copy_port},
    {"channel", copy_port},
    {"vsock", copy_vsock},
    {"graphics", copy_graphics},
    {"filesystem", copy_filesystem},
    {"memory", copy_memory},
    {"redirdev", copy_spice_only},
    {"redirfilter", keep},
    {"smartcard", copy_spice_only},
    {"rng", copy_rng},
    {"input", copy_input},
    {"audio", copy_audio},
    {"tpm", refuse_tpm},
    {"sound", keep},
    {"video", keep},
    {"hub", keep},
    {"watchdog", keep},
    {"memballoon", keep},
    {"panic", keep},
    {"iommu", keep},
    {"nvram", keep}, /* that of POWER: where it is on the bus */
};

static gboolean
copy_device(xmlNode *device, LullJson *disks, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (lull_copy_is_element(device, known[i].name))
            return known[i].copy(device, disks, error);
    return lull_copy_refuse_element(error, device);
}

gboolean
lull_copy_devices(xmlNode *devices, LullJson *disks, GError **error)
{
    for (xmlNode *each = devices->children; each; each = each->next)
        if (each->type == XML_ELEMENT_NODE && !copy_device(each, disks, error))
            return FALSE;
    return TRUE;
}
