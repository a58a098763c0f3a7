/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm-copy.h"

#include <libxml/parser.h>
#include <string.h>

#include "coordinator/guest/vm-copy-private.h"
#include "coordinator/model/host-patch.h"
#include "protocol/error.h"

#define MAX_XML (4 * 1024 * 1024)

typedef xmlDoc XmlDoc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlDoc, xmlFreeDoc)

/* Nobody but the machine itself knows what else it has. */
static gboolean
check_sections(const xmlNode *domain, GError **error)
{
    static const char *const known[] = {"name",
                                        "uuid",
                                        "genid",
                                        "title",
                                        "description",
                                        "metadata",
                                        "memory",
                                        "maxMemory",
                                        "currentMemory",
                                        "memoryBacking",
                                        "memtune",
                                        "blkiotune",
                                        "vcpu",
                                        "vcpus",
                                        "iothreads",
                                        "iothreadids",
                                        "defaultiothread",
                                        "cputune",
                                        "numatune",
                                        "resource",
                                        "sysinfo",
                                        "os",
                                        "features",
                                        "cpu",
                                        "clock",
                                        "on_poweroff",
                                        "on_reboot",
                                        "on_crash",
                                        "on_lockfailure",
                                        "pm",
                                        "perf",
                                        "devices",
                                        "seclabel",
                                        "throttlegroups",
                                        NULL};

    for (const xmlNode *each = domain->children; each; each = each->next)
        if (each->type == XML_ELEMENT_NODE && (each->ns || !g_strv_contains(known, (const char *)each->name)))
            return lull_copy_refuse_element(error, each);
    return TRUE;
}

/* Firmware that is written to is none that two machines can have. */
static gboolean
check_loader(const xmlNode *os, GError **error)
{
    const xmlNode *loader = lull_copy_child(os, "loader");

    if (!loader || !lull_copy_attribute_is(loader, "type", "pflash") ||
        lull_copy_attribute_is(loader, "readonly", "yes"))
        return TRUE;
    return lull_copy_refuse(error, "its firmware (<loader>)",
                            "is a file that both would write to: restore it onto the machine itself");
}

/* As a text, or as a source below. */
static gboolean
copy_nvram(xmlNode *os, const char *path, GError **error)
{
    xmlNode *nvram = lull_copy_child(os, "nvram");
    xmlNode *source = lull_copy_child(nvram, "source");
    g_autofree char *text = NULL;
    xmlChar *content = nvram ? xmlNodeGetContent(nvram) : NULL;

    text = g_strstrip(g_strdup(content ? (const char *)content : ""));
    xmlFree(content);
    if (lull_copy_child(os, "varstore") || (!path && (source || *text)))
        return lull_copy_refuse(
            error, "its NVRAM",
            "is not in the snapshot, and both would write to it: restore it onto the machine itself");
    if (nvram && path && source)
        lull_copy_set_attribute(source, "file", path);
    else if (nvram && path)
        lull_copy_set_text(nvram, path);
    return TRUE;
}

static void
drop_entry(xmlNode *section, const char *name)
{
    xmlNode *next = NULL;

    for (xmlNode *each = section ? section->children : NULL; each; each = next) {
        next = each->next;
        if (lull_copy_is_element(each, "entry") && lull_copy_attribute_is(each, "name", name))
            lull_copy_drop(each);
    }
}

/* What inventories and licences know it by. */
static void
copy_firmware(xmlNode *domain)
{
    static const char *const sections[] = {"system", "baseBoard", "chassis"};

    for (xmlNode *info = domain->children; info; info = info->next) {
        if (!lull_copy_is_element(info, "sysinfo"))
            continue;
        drop_entry(lull_copy_child(info, "system"), "uuid");
        for (gsize i = 0; i < G_N_ELEMENTS(sections); i++)
            drop_entry(lull_copy_child(info, sections[i]), "serial");
    }
    if (lull_copy_child(domain, "genid"))
        lull_copy_set_text(lull_copy_child(domain, "genid"), "");
}

static gboolean
set_address(const xmlNode *devices, guint64 number, const char *address, GError **error)
{
    guint64 n = 0;

    for (xmlNode *each = devices->children; each; each = each->next) {
        if (!lull_copy_is_element(each, "interface") || n++ != number)
            continue;
        lull_copy_set_attribute(lull_copy_ensure_child(each, "mac"), "address", address);
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
        if (lull_copy_is_element(each, "sysinfo") && lull_copy_attribute_is(each, "type", "smbios"))
            info = each;
    if (!info) {
        info = xmlNewChild(domain, NULL, (const xmlChar *)"sysinfo", NULL);
        lull_copy_set_attribute(info, "type", "smbios");
    }
    drop_entry(lull_copy_child(info, "system"), "serial");
    entry = xmlNewChild(lull_copy_ensure_child(info, "system"), NULL, (const xmlChar *)"entry", NULL);
    lull_copy_set_attribute(entry, "name", "serial");
    lull_copy_set_text(entry, serial);
    lull_copy_set_attribute(lull_copy_ensure_child(lull_copy_ensure_child(domain, "os"), "smbios"), "mode",
                            "sysinfo");
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
        else if (!set_address(lull_copy_child(domain, "devices"), number, value, error))
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

    if (root && lull_copy_is_element(root, "domain") && lull_copy_child(root, "devices") &&
        lull_copy_child(root, "name"))
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
    lull_copy_set_text(lull_copy_child(domain, "name"), wanted->name);
    lull_copy_set_text(lull_copy_ensure_child(domain, "uuid"), wanted->uuid);
    copy_firmware(domain);
    if (!check_sections(domain, error) || !check_loader(lull_copy_child(domain, "os"), error) ||
        !lull_copy_devices(lull_copy_child(domain, "devices"), wanted->disks, error) ||
        !copy_nvram(lull_copy_child(domain, "os"), wanted->nvram, error) ||
        !apply(domain, wanted->patches, error))
        return NULL;
    xmlDocDumpMemory(doc, &text, NULL);
    copy = g_strdup((const char *)text);
    xmlFree(text);
    return copy;
}
