/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm-copy.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "coordinator/model/host-patch.h"
#include "protocol/error.h"

#define MAX_XML (4 * 1024 * 1024)

typedef xmlDoc XmlDoc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlDoc, xmlFreeDoc)

static gboolean
is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns && g_str_equal((const char *)node->name, name);
}

static xmlNode *
child(const xmlNode *node, const char *name)
{
    for (xmlNode *each = node ? node->children : NULL; each; each = each->next)
        if (is_element(each, name))
            return each;
    return NULL;
}

static xmlNode *
ensure_child(xmlNode *node, const char *name)
{
    xmlNode *found = child(node, name);

    return found ? found : xmlNewChild(node, NULL, (const xmlChar *)name, NULL);
}

static char *
attribute(const xmlNode *node, const char *name)
{
    xmlChar *value = node ? xmlGetNoNsProp(node, (const xmlChar *)name) : NULL;
    char *copy = g_strdup((const char *)value);

    xmlFree(value);
    return copy;
}

static gboolean
attribute_is(const xmlNode *node, const char *name, const char *wanted)
{
    g_autofree char *value = attribute(node, name);

    return g_strcmp0(value, wanted) == 0;
}

static void
set_attribute(xmlNode *node, const char *name, const char *value)
{
    xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

static void
unset_attribute(xmlNode *node, const char *name)
{
    if (node)
        xmlUnsetProp(node, (const xmlChar *)name);
}

static void
set_text(xmlNode *node, const char *text)
{
    xmlNodeSetContent(node, NULL);
    xmlNodeAddContent(node, (const xmlChar *)text); /* escapes what the other takes for entities */
}

static void
drop(xmlNode *node)
{
    if (!node)
        return;
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

static gboolean
refuse(GError **error, const char *what, const char *why)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                "a new virtual machine cannot be made of it: %s %s", what, why);
    return FALSE;
}

/* Media are shared, and so is what nobody writes to, or who shares it takes care of. */
static gboolean
may_be_shared(const xmlNode *disk)
{
    return attribute_is(disk, "device", "cdrom") || attribute_is(disk, "device", "floppy") ||
           child(disk, "readonly") || child(disk, "shareable") || child(disk, "transient") ||
           !child(disk, "source");
}

static gboolean
copy_disk(xmlNode *disk, LullJson *disks, GError **error)
{
    static const char *const others[] = {"dev", "volume", "pool", "mode", "index", "name", "protocol"};
    g_autofree char *target = attribute(child(disk, "target"), "dev");
    const char *path = target ? lull_json_string(disks, target, NULL) : NULL;
    xmlNode *source = child(disk, "source");

    if (!path && may_be_shared(disk))
        return TRUE;
    if (!path || !source) {
        g_autofree char *what = g_strdup_printf("disk %s", target ? target : "without a name");

        return refuse(
            error, what,
            "is not in the snapshot, and both would write to it: take a snapshot with that disk, or "
            "restore this one onto the machine itself");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        unset_attribute(source, others[i]);
    set_attribute(disk, "type", "file");
    set_attribute(source, "file", path);
    drop(child(disk, "backingStore"));
    return TRUE;
}

/* Its connection to a switch, and the name that it has on the host, are its own too. */
static void
copy_interface(xmlNode *interface)
{
    drop(child(interface, "mac"));
    drop(child(interface, "target"));
    unset_attribute(child(child(interface, "virtualport"), "parameters"), "interfaceid");
}

/* libvirt makes a socket for a channel by itself, and for no other port. */
static void
copy_port(xmlNode *port)
{
    xmlNode *source = child(port, "source");
    const gboolean file = attribute_is(port, "type", "file") || attribute_is(port, "type", "pipe");
    const gboolean socket = attribute_is(port, "type", "unix") && !attribute_is(source, "mode", "connect");

    drop(child(port, "log"));
    if (socket && is_element(port, "channel") && attribute_is(child(port, "target"), "type", "virtio")) {
        drop(source);
    } else if (file || socket) {
        set_attribute(port, "type", "pty");
        drop(source);
    }
}

static gboolean
is_port(const xmlNode *device)
{
    return is_element(device, "serial") || is_element(device, "parallel") || is_element(device, "console") ||
           is_element(device, "channel");
}

static gboolean
copy_devices(xmlNode *devices, LullJson *disks, GError **error)
{
    for (xmlNode *each = devices->children; each; each = each->next) {
        if (is_element(each, "tpm"))
            return refuse(error, "its TPM",
                          "holds what a copy must not have: restore it onto the machine itself");
        if (is_element(each, "disk") && !copy_disk(each, disks, error))
            return FALSE;
        if (is_element(each, "interface"))
            copy_interface(each);
        if (is_port(each))
            copy_port(each);
        if (is_element(each, "vsock")) {
            drop(child(each, "cid"));
            set_attribute(xmlNewChild(each, NULL, (const xmlChar *)"cid", NULL), "auto", "yes");
        }
    }
    return TRUE;
}

/* As a text, or as a source below. */
static gboolean
copy_nvram(xmlNode *os, const char *path, GError **error)
{
    xmlNode *nvram = child(os, "nvram");
    xmlNode *source = child(nvram, "source");
    g_autofree char *text = NULL;
    xmlChar *content = nvram ? xmlNodeGetContent(nvram) : NULL;

    text = g_strstrip(g_strdup(content ? (const char *)content : ""));
    xmlFree(content);
    if (child(os, "varstore") || (!path && (source || *text)))
        return refuse(
            error, "its NVRAM",
            "is not in the snapshot, and both would write to it: restore it onto the machine itself");
    if (nvram && path && source)
        set_attribute(source, "file", path);
    else if (nvram && path)
        set_text(nvram, path);
    return TRUE;
}

static void
drop_entry(xmlNode *section, const char *name)
{
    xmlNode *next = NULL;

    for (xmlNode *each = section ? section->children : NULL; each; each = next) {
        next = each->next;
        if (is_element(each, "entry") && attribute_is(each, "name", name))
            drop(each);
    }
}

/* What inventories and licences know it by. */
static void
copy_firmware(xmlNode *domain)
{
    static const char *const sections[] = {"system", "baseBoard", "chassis"};

    for (xmlNode *info = domain->children; info; info = info->next) {
        if (!is_element(info, "sysinfo"))
            continue;
        drop_entry(child(info, "system"), "uuid");
        for (gsize i = 0; i < G_N_ELEMENTS(sections); i++)
            drop_entry(child(info, sections[i]), "serial");
    }
    if (child(domain, "genid"))
        set_text(child(domain, "genid"), "");
}

static gboolean
set_address(const xmlNode *devices, guint64 number, const char *address, GError **error)
{
    guint64 n = 0;

    for (xmlNode *each = devices->children; each; each = each->next) {
        if (!is_element(each, "interface") || n++ != number)
            continue;
        set_attribute(ensure_child(each, "mac"), "address", address);
        return TRUE;
    }
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "spec.patches: interface %" G_GUINT64_FORMAT ": the VM has only %" G_GUINT64_FORMAT
                ", which are counted from 0",
                number, n);
    return FALSE;
}

static void
set_serial(xmlNode *domain, const char *serial)
{
    xmlNode *info = NULL, *entry = NULL;

    for (xmlNode *each = domain->children; each && !info; each = each->next)
        if (is_element(each, "sysinfo") && attribute_is(each, "type", "smbios"))
            info = each;
    if (!info) {
        info = xmlNewChild(domain, NULL, (const xmlChar *)"sysinfo", NULL);
        set_attribute(info, "type", "smbios");
    }
    drop_entry(child(info, "system"), "serial");
    entry = xmlNewChild(ensure_child(info, "system"), NULL, (const xmlChar *)"entry", NULL);
    set_attribute(entry, "name", "serial");
    set_text(entry, serial);
    set_attribute(ensure_child(ensure_child(domain, "os"), "smbios"), "mode", "sysinfo");
}

static gboolean
apply(xmlNode *domain, LullJson *patches, GError **error)
{
    g_autofree char *problem = lull_host_patches_check(patches);

    if (problem) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s", problem);
        return FALSE;
    }
    for (size_t i = 0; patches && i < json_object_array_length(patches); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(patches, i));
        g_autoptr(LullJson) patch = lull_json_parse(text, -1, NULL);
        const char *value = lull_json_string(patch, "value", "");
        guint64 number = 0;

        if (!lull_host_patch_is_address(lull_json_string(patch, "path", ""), &number))
            set_serial(domain, value);
        else if (!set_address(child(domain, "devices"), number, value, error))
            return FALSE;
    }
    return TRUE;
}

static xmlDoc *
parse(const char *xml, GError **error)
{
    const size_t length = strlen(xml);
    xmlDoc *doc = length > MAX_XML ? NULL
                                   : xmlReadMemory(xml, (int)length, "domain.xml", NULL,
                                                   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlNode *root = doc && !xmlGetIntSubset(doc) ? xmlDocGetRootElement(doc) : NULL;

    if (root && is_element(root, "domain") && child(root, "devices") && child(root, "name"))
        return doc;
    xmlFreeDoc(doc);
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "domain XML: it is too long, or no domain with devices");
    return NULL;
}

char *
lull_vm_copy(const char *xml, const LullVmCopy *wanted, GError **error)
{
    g_autoptr(XmlDoc) doc = parse(xml, error);
    xmlNode *domain = doc ? xmlDocGetRootElement(doc) : NULL;
    xmlChar *text = NULL;
    char *copy = NULL;

    if (!domain)
        return NULL;
    set_text(child(domain, "name"), wanted->name);
    set_text(ensure_child(domain, "uuid"), wanted->uuid);
    copy_firmware(domain);
    if (!copy_devices(child(domain, "devices"), wanted->disks, error) ||
        !copy_nvram(child(domain, "os"), wanted->nvram, error) || !apply(domain, wanted->patches, error))
        return NULL;
    xmlDocDumpMemory(doc, &text, NULL);
    copy = g_strdup((const char *)text);
    xmlFree(text);
    return copy;
}
