/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "coordinator/guest/refusal.h"
#include "coordinator/guest/vm.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define MAX_XML     (4 * 1024 * 1024)
#define MAX_VOLUMES 512

typedef xmlDoc XmlDoc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlDoc, xmlFreeDoc)

static xmlNode *
child(const xmlNode *node, const char *name)
{
    for (xmlNode *each = node ? node->children : NULL; each; each = each->next)
        if (each->type == XML_ELEMENT_NODE && !each->ns && g_str_equal((const char *)each->name, name))
            return each;
    return NULL;
}

static char *
adopt(xmlChar *text)
{
    char *copy = g_strdup((const char *)text);

    xmlFree(text);
    return copy;
}

/* NULL where there is none, or it is empty. */
static char *
attribute(const xmlNode *node, const char *name)
{
    g_autofree char *value = node ? adopt(xmlGetNoNsProp(node, (const xmlChar *)name)) : NULL;

    return value && *value ? g_steal_pointer(&value) : NULL;
}

static gboolean
attribute_is(const xmlNode *node, const char *name, const char *wanted)
{
    g_autofree char *value = attribute(node, name);

    return g_strcmp0(value, wanted) == 0;
}

static char *
text_of(const xmlNode *node)
{
    g_autofree char *text = node ? adopt(xmlNodeGetContent(node)) : NULL;

    if (!text || !*g_strstrip(text))
        return NULL;
    return g_steal_pointer(&text);
}

static guint
number(const xmlNode *node, const char *name)
{
    g_autofree char *text = attribute(node, name);

    /* libvirt writes hexadecimal numbers with their prefix and decimal ones without */
    return text ? (guint)g_ascii_strtoull(text, NULL, g_str_has_prefix(text, "0x") ? 16 : 10) : 0;
}

/* A volume's name becomes a file's name. */
static gboolean
is_plain(const char *name)
{
    if (!name || !g_ascii_isalnum(*name) || strlen(name) > 128)
        return FALSE;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] == '\0';
}

static void
volume_free(gpointer data)
{
    LullVmVolume *self = data;

    g_free(self->name);
    g_free(self->disk);
    g_free(self->path);
    g_free(self->format);
    g_free(self->serial);
    g_free(self->pci);
    g_free(self->scsi);
    g_free(self->excluded);
    g_free(self->source);
    g_free(self->bus);
    g_free(self);
}

GPtrArray *
lull_vm_volumes_new(void)
{
    return g_ptr_array_new_with_free_func(volume_free);
}

static char *
pci_address(const xmlNode *address)
{
    return g_strdup_printf("%04x:%02x:%02x.%x", number(address, "domain"), number(address, "bus"),
                           number(address, "slot"), number(address, "function"));
}

static char *
controller_address(const xmlNode *devices, const char *type, guint index)
{
    for (const xmlNode *each = devices->children; each; each = each->next)
        if (each->type == XML_ELEMENT_NODE && g_str_equal((const char *)each->name, "controller") &&
            attribute_is(each, "type", type) && number(each, "index") == index &&
            attribute_is(child(each, "address"), "type", "pci"))
            return pci_address(child(each, "address"));
    return NULL;
}

/* Where the guest sees the disk. */
static void
read_address(const xmlNode *disk, LullVmVolume *volume)
{
    const xmlNode *address = child(disk, "address");
    g_autofree char *bus = attribute(child(disk, "target"), "bus");
    static const char *const behind_controllers[] = {"scsi", "sata", "ide", NULL};

    if (attribute_is(address, "type", "pci")) {
        volume->pci = pci_address(address);
    } else if (attribute_is(address, "type", "drive") && bus && g_strv_contains(behind_controllers, bus)) {
        volume->pci = controller_address(disk->parent, bus, number(address, "controller"));
        volume->scsi = g_strdup_printf("%u:%u:%u", number(address, "bus"), number(address, "target"),
                                       number(address, "unit"));
    }
}

static char *
why_excluded(const xmlNode *disk, const char *device, const LullVmVolume *volume)
{
    const xmlNode *source = child(disk, "source");
    const LullDisk facts = {
        .device = device,
        .bus = volume->bus,
        .source = volume->source,
        .path = volume->path,
        .format = volume->format,
        .read_only = child(disk, "readonly") != NULL,
        .transient = child(disk, "transient") != NULL,
        .shareable = child(disk, "shareable") != NULL,
        .encrypted = child(source, "encryption") || child(disk, "encryption"),
        .sliced = child(source, "slices") != NULL,
        .data_apart = child(source, "dataStore") != NULL,
    };

    return lull_disk_refusal(&facts);
}

static LullVmVolume *
read_volume(const xmlNode *disk, GError **error)
{
    const xmlNode *source = child(disk, "source");
    const xmlNode *driver = child(disk, "driver");
    g_autofree char *type = attribute(disk, "type");
    g_autofree char *device = attribute(disk, "device");
    g_autofree char *alias = attribute(child(disk, "alias"), "name");
    LullVmVolume *volume = g_new0(LullVmVolume, 1);

    volume->disk = attribute(child(disk, "target"), "dev");
    if (!is_plain(volume->disk)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "domain XML: a disk's target device is %s",
                    volume->disk ? "not a plain name" : "missing");
        volume_free(volume);
        return NULL;
    }
    if (alias && g_str_has_prefix(alias, "ua-") && is_plain(alias + 3))
        volume->name = g_strdup(alias + 3);
    else
        volume->name = g_strdup(volume->disk);
    volume->block = g_strcmp0(type, "block") == 0;
    volume->path = attribute(source, volume->block ? "dev" : "file");
    volume->format = attribute(driver, "type");
    if (!volume->format)
        volume->format = g_strdup("raw");
    volume->read_only = child(disk, "readonly") || g_strcmp0(device, "cdrom") == 0;
    volume->flushes_ignored = attribute_is(driver, "cache", "unsafe");
    volume->serial = text_of(child(disk, "serial"));
    read_address(disk, volume);
    volume->keeps_data =
        (!device || g_str_equal(device, "disk")) && !volume->read_only && !child(disk, "transient") && source;
    volume->source = g_strdup(type ? type : "unknown");
    volume->bus = attribute(child(disk, "target"), "bus");
    volume->mirrored = child(disk, "mirror") != NULL;
    volume->excluded = why_excluded(disk, device, volume);
    return volume;
}

static const LullVmVolume *
find_volume(const LullVm *vm, const char *name)
{
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        if (g_str_equal(volume->name, name))
            return volume;
    }
    return NULL;
}

static gboolean
read_volumes(const xmlNode *devices, LullVm *vm, GError **error)
{
    for (const xmlNode *each = devices ? devices->children : NULL; each; each = each->next) {
        if (each->type != XML_ELEMENT_NODE || !g_str_equal((const char *)each->name, "disk"))
            continue;

        LullVmVolume *volume = read_volume(each, error);

        if (!volume)
            return FALSE;
        if (find_volume(vm, volume->name)) {
            g_free(volume->name); /* an alias that is another disk's name */
            volume->name = g_strdup(volume->disk);
        }
        if (find_volume(vm, volume->name) || vm->volumes->len >= MAX_VOLUMES) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "domain XML: two disks are called %s",
                        volume->name);
            volume_free(volume);
            return FALSE;
        }
        g_ptr_array_add(vm->volumes, volume);
    }
    return TRUE;
}

static void
read_channel(const xmlNode *devices, LullVm *vm)
{
    for (const xmlNode *each = devices ? devices->children : NULL; each; each = each->next) {
        if (each->type != XML_ELEMENT_NODE || !g_str_equal((const char *)each->name, "channel"))
            continue;

        const xmlNode *target = child(each, "target");

        if (!attribute_is(target, "name", LULL_PORT_NAME))
            continue;
        vm->agent_channel = TRUE;
        vm->agent_connected = attribute_is(target, "state", "connected");
        if (attribute_is(each, "type", "unix") && !vm->agent_socket)
            vm->agent_socket = attribute(child(each, "source"), "path");
    }
}

/* What a TPM holds outlives the guest, and is on none of its disks. */
static char *
why_tpm_is_not_saved(const xmlNode *tpm, const char *uid)
{
    static const char recovery[] = "have a recovery key for what is sealed in it (BitLocker, LUKS)";
    const xmlNode *backend = child(tpm, "backend");

    if (!tpm)
        return NULL;
    if (attribute_is(backend, "type", "passthrough"))
        return g_strdup_printf("its TPM is the host's own: %s", recovery);
    if (attribute_is(backend, "type", "external"))
        return g_strdup_printf("its TPM is emulated by a program that libvirt did not start: %s", recovery);
    return g_strdup_printf(
        "libvirt keeps what its TPM holds apart from the disks, in swtpm/%s, where its "
        "backups do not reach: %s, or a copy of that folder, made while the machine is off",
        uid, recovery);
}

/* An element of ours, such as <metadata><snapshots xmlns="https://lull.dev/domain/1" ...; NULL: there is
 * none. */
static const xmlNode *
find_mark(const xmlNode *metadata, const char *uri, const char *name)
{
    for (const xmlNode *each = metadata ? metadata->children : NULL; each; each = each->next)
        if (each->type == XML_ELEMENT_NODE && each->ns && g_strcmp0((const char *)each->ns->href, uri) == 0 &&
            g_str_equal((const char *)each->name, name))
            return each;
    return NULL;
}

static void
read_marks(LullVm *vm, const xmlNode *metadata)
{
    const xmlNode *snapshots = find_mark(metadata, LULL_XML_NAMESPACE, "snapshots");

    vm->incremental = snapshots && attribute_is(snapshots, "incremental", "yes");
    vm->restored = find_mark(metadata, LULL_XML_RESTORED, "restored") != NULL;
}

static xmlDoc *
parse(const char *xml, GError **error)
{
    const size_t length = strlen(xml);
    g_autoptr(XmlDoc) doc = NULL;

    if (length > MAX_XML) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "domain XML: %zu bytes are too many", length);
        return NULL;
    }
    doc = xmlReadMemory(xml, (int)length, "domain.xml", NULL,
                        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!doc) {
        const xmlError *why = xmlGetLastError();
        g_autofree char *text = g_strstrip(g_strdup(why && why->message ? why->message : "not XML"));
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "domain XML, line %d: %s", why ? why->line : 0,
                    text);
        return NULL;
    }
    if (xmlGetIntSubset(doc)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "domain XML: a document type is not allowed");
        return NULL;
    }
    return g_steal_pointer(&doc);
}

char *
lull_vm_api_name(const char *domain, const char *uid)
{
    if (lull_name_is_valid(domain))
        return g_strdup(domain);
    return g_strdup_printf("vm-%.8s", uid);
}

LullVm *
lull_vm_from_xml(const char *xml, LullVmState state, GError **error)
{
    g_autoptr(XmlDoc) doc = parse(xml, error);
    g_autoptr(LullVm) vm = NULL;
    const xmlNode *root;

    if (!doc)
        return NULL;
    root = xmlDocGetRootElement(doc);
    if (!root || !g_str_equal((const char *)root->name, "domain")) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "domain XML: the root element is not <domain>");
        return NULL;
    }
    vm = g_new0(LullVm, 1);
    vm->volumes = lull_vm_volumes_new();
    vm->state = state;
    vm->domain = text_of(child(root, "name"));
    vm->uid = text_of(child(root, "uuid"));
    if (!vm->domain || !vm->uid || !g_uuid_string_is_valid(vm->uid)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "domain XML: %s",
                    !vm->domain ? "the name is missing" : "the uuid is missing or none");
        return NULL;
    }
    vm->name = lull_vm_api_name(vm->domain, vm->uid);
    vm->nvram = text_of(child(child(root, "os"), "nvram"));
    vm->tpm = why_tpm_is_not_saved(child(child(root, "devices"), "tpm"), vm->uid);
    read_marks(vm, child(root, "metadata"));
    vm->xml = g_strdup(xml);
    read_channel(child(root, "devices"), vm);
    if (!read_volumes(child(root, "devices"), vm, error))
        return NULL;
    return g_steal_pointer(&vm);
}

const char *
lull_vm_where(const LullVm *self)
{
    return self->place ? self->place : self->uid;
}

void
lull_vm_free(LullVm *self)
{
    if (!self)
        return;
    g_free(self->domain);
    g_free(self->ns);
    g_free(self->name);
    g_free(self->uid);
    g_free(self->place);
    g_free(self->agent_socket);
    g_free(self->nvram);
    g_free(self->tpm);
    g_free(self->xml);
    g_clear_pointer(&self->differences, g_ptr_array_unref);
    g_ptr_array_unref(self->volumes);
    g_free(self);
}
