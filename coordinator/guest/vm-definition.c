/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm-definition.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "protocol/error.h"
#include "protocol/names.h"

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

static char *
attribute(const xmlNode *node, const char *name)
{
    xmlChar *value = node ? xmlGetNoNsProp(node, (const xmlChar *)name) : NULL;
    char *copy = g_strdup((const char *)value);

    xmlFree(value);
    return copy;
}

/* A disk that a snapshot may have; a cdrom's tray is nobody's definition. */
static gboolean
is_disk(const xmlNode *node)
{
    g_autofree char *device = is_element(node, "disk") ? attribute(node, "device") : NULL;

    return is_element(node, "disk") && (!device || g_str_equal(device, "disk"));
}

static char *
target_of(const xmlNode *disk)
{
    return attribute(child(disk, "target"), "dev");
}

static xmlNode *
find_disk(const xmlNode *devices, const char *target)
{
    for (xmlNode *each = devices->children; each; each = each->next) {
        g_autofree char *other = is_disk(each) ? target_of(each) : NULL;

        if (other && g_strcmp0(other, target) == 0)
            return each;
    }
    return NULL;
}

static gboolean
same_attribute(const xmlNode *a, const xmlNode *b, const char *name)
{
    g_autofree char *left = attribute(a, name);
    g_autofree char *right = attribute(b, name);

    return g_strcmp0(left, right) == 0;
}

static gboolean
is_same_source(const xmlNode *a, const xmlNode *b)
{
    static const char *const names[] = {"file", "dev", "name", "volume", "dir", "protocol"};
    const xmlNode *left = child(a, "source");
    const xmlNode *right = child(b, "source");

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (!same_attribute(left, right, names[i]))
            return FALSE;
    return same_attribute(a, b, "type") && same_attribute(child(a, "driver"), child(b, "driver"), "type");
}

static void
drop_child(xmlNode *node, const char *name)
{
    xmlNode *found = child(node, name);

    if (!found)
        return;
    xmlUnlinkNode(found);
    xmlFreeNode(found);
}

/* What libvirt adds while it runs. */
static void
forget_run(xmlNode *disk)
{
    g_autofree char *alias = attribute(child(disk, "alias"), "name");
    xmlNode *source = child(disk, "source");

    if (alias && !g_str_has_prefix(alias, "ua-"))
        drop_child(disk, "alias");
    drop_child(disk, "backingStore");
    drop_child(disk, "mirror");
    if (source)
        xmlUnsetProp(source, (const xmlChar *)"index");
}

/* Where it is plugged in stays as defined; a new one gets a place from libvirt. */
static void
keep_address(xmlNode *disk, const xmlNode *defined)
{
    const xmlNode *address = defined ? child(defined, "address") : NULL;

    drop_child(disk, "address");
    if (address)
        xmlAddChild(disk, xmlDocCopyNode((xmlNode *)address, disk->doc, 1));
}

static xmlNode *
last_disk(const xmlNode *devices)
{
    xmlNode *last = NULL;

    for (xmlNode *each = devices->children; each; each = each->next)
        if (is_element(each, "disk"))
            last = each;
    return last;
}

static void
put_disk(xmlNode *devices, xmlNode *disk, xmlNode *defined)
{
    xmlNode *copy = xmlDocCopyNode(disk, devices->doc, 1);
    xmlNode *last = defined ? NULL : last_disk(devices);

    forget_run(copy);
    keep_address(copy, defined);
    if (defined) {
        xmlReplaceNode(defined, copy);
        xmlFreeNode(defined);
    } else if (last) {
        xmlAddNextSibling(last, copy);
    } else {
        xmlAddChild(devices, copy);
    }
}

static void
follow_live_disks(const xmlNode *live, xmlNode *defined, GPtrArray *notes)
{
    for (xmlNode *each = live->children; each; each = each->next) {
        g_autofree char *target = is_disk(each) ? target_of(each) : NULL;
        xmlNode *other = target ? find_disk(defined, target) : NULL;

        if (!target || (other && is_same_source(each, other)))
            continue;
        g_ptr_array_add(notes,
                        g_strdup_printf(other ? "disk %s ran with another source than its definition has: "
                                                "it has the one that it ran with"
                                              : "disk %s was plugged in while the machine ran: it is part "
                                                "of the definition now",
                                        target));
        put_disk(defined, each, other);
    }
}

static void
drop_unplugged_disks(const xmlNode *live, xmlNode *defined, GPtrArray *notes)
{
    xmlNode *next = NULL;

    for (xmlNode *each = defined->children; each; each = next) {
        g_autofree char *target = is_disk(each) ? target_of(each) : NULL;

        next = each->next;
        if (!target || find_disk(live, target))
            continue;
        g_ptr_array_add(notes,
                        g_strdup_printf("disk %s was unplugged while the machine ran: it is not in the "
                                        "snapshot, and no part of the definition any more",
                                        target));
        xmlUnlinkNode(each);
        xmlFreeNode(each);
    }
}

static xmlDoc *
parse(const char *xml, GError **error)
{
    xmlDoc *doc = xmlReadMemory(xml, (int)MIN(strlen(xml), G_MAXINT32), "domain.xml", NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);

    if (doc && !xmlGetIntSubset(doc) && child(xmlDocGetRootElement(doc), "devices"))
        return doc;
    xmlFreeDoc(doc);
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "domain XML: it has no devices");
    return NULL;
}

static char *
text_of(xmlDoc *doc)
{
    xmlChar *text = NULL;
    char *copy;

    xmlDocDumpMemory(doc, &text, NULL);
    copy = g_strdup((const char *)text);
    xmlFree(text);
    return copy;
}

char *
lull_vm_definition(const char *live, const char *inactive, GPtrArray *notes, GError **error)
{
    g_autoptr(XmlDoc) from = parse(live, error);
    g_autoptr(XmlDoc) to = from ? parse(inactive, error) : NULL;
    const guint before = notes->len;
    xmlNode *running = NULL;
    xmlNode *defined = NULL;

    if (!to)
        return NULL;
    running = child(xmlDocGetRootElement(from), "devices");
    defined = child(xmlDocGetRootElement(to), "devices");
    follow_live_disks(running, defined, notes);
    drop_unplugged_disks(running, defined, notes);
    if (notes->len == before)
        return g_strdup(inactive);
    return text_of(to);
}

static gboolean
is_mark(const xmlNode *node)
{
    return node->type == XML_ELEMENT_NODE && node->ns &&
           g_strcmp0((const char *)node->ns->href, LULL_XML_RESTORED) == 0;
}

static void
drop_marks(xmlNode *metadata)
{
    xmlNode *next = NULL;

    for (xmlNode *each = metadata ? metadata->children : NULL; each; each = next) {
        next = each->next;
        if (!is_mark(each))
            continue;
        xmlUnlinkNode(each);
        xmlFreeNode(each);
    }
}

static void
add_mark(xmlNode *domain)
{
    xmlNode *metadata = child(domain, "metadata");
    xmlNode *mark;

    if (!metadata)
        metadata = xmlNewChild(domain, NULL, (const xmlChar *)"metadata", NULL);
    mark = xmlNewChild(metadata, NULL, (const xmlChar *)"restored", NULL);
    xmlSetNs(mark, xmlNewNs(mark, (const xmlChar *)LULL_XML_RESTORED, (const xmlChar *)"lull"));
}

char *
lull_vm_definition_mark(const char *xml, gboolean restored, GError **error)
{
    g_autoptr(XmlDoc) doc = parse(xml, error);
    xmlNode *domain = doc ? xmlDocGetRootElement(doc) : NULL;

    if (!domain)
        return NULL;
    drop_marks(child(domain, "metadata"));
    if (restored)
        add_mark(domain);
    return text_of(doc);
}
