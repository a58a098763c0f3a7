/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm-files.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "protocol/error.h"

#define MAX_XML   (4 * 1024 * 1024)
#define MAX_DEPTH 256 /* of images that are based on images */

typedef xmlDoc XmlDoc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlDoc, xmlFreeDoc)

static gboolean
is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns && g_str_equal((const char *)node->name, name);
}

static void
add(GPtrArray *files, xmlChar *take_path)
{
    if (take_path && *take_path == '/')
        g_ptr_array_add(files, g_strdup((const char *)take_path));
    xmlFree(take_path);
}

static void
add_source(GPtrArray *files, const xmlNode *source)
{
    add(files, xmlGetNoNsProp(source, (const xmlChar *)"file"));
    add(files, xmlGetNoNsProp(source, (const xmlChar *)"dev"));
}

/* Of @node, of what it is based on, and of what it is being copied to. */
static void
add_disk(GPtrArray *files, const xmlNode *node, guint depth)
{
    for (const xmlNode *each = node->children; each && depth < MAX_DEPTH; each = each->next) {
        if (is_element(each, "source"))
            add_source(files, each);
        if (each->type == XML_ELEMENT_NODE)
            add_disk(files, each, depth + 1);
    }
}

static void
add_section(GPtrArray *files, const xmlNode *section)
{
    for (const xmlNode *each = section->children; each; each = each->next) {
        if (is_element(section, "devices") && is_element(each, "disk"))
            add_disk(files, each, 0);
        if (is_element(section, "os") && is_element(each, "nvram")) {
            add(files, xmlNodeGetContent(each));
            add_disk(files, each, 0);
        }
    }
}

static xmlDoc *
parse(const char *xml, GError **error)
{
    const size_t length = strlen(xml);
    xmlDoc *doc = length > MAX_XML ? NULL
                                   : xmlReadMemory(xml, (int)length, "domain.xml", NULL,
                                                   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    const xmlNode *root = doc && !xmlGetIntSubset(doc) ? xmlDocGetRootElement(doc) : NULL;

    if (root && is_element(root, "domain"))
        return doc;
    xmlFreeDoc(doc);
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "domain XML: it is too long, or no domain");
    return NULL;
}

GPtrArray *
lull_vm_files(const char *xml, GError **error)
{
    g_autoptr(XmlDoc) doc = parse(xml, error);
    GPtrArray *files;

    if (!doc)
        return NULL;
    files = g_ptr_array_new_with_free_func(g_free);
    for (const xmlNode *each = xmlDocGetRootElement(doc)->children; each; each = each->next)
        if (each->type == XML_ELEMENT_NODE)
            add_section(files, each);
    return files;
}

static void
add_volumes(GPtrArray *volumes, const xmlNode *node, guint depth)
{
    for (const xmlNode *each = node->children; each && depth < MAX_DEPTH; each = each->next) {
        xmlChar *pool = NULL, *volume = NULL;

        if (each->type != XML_ELEMENT_NODE)
            continue;
        if (is_element(each, "source")) {
            pool = xmlGetNoNsProp(each, (const xmlChar *)"pool");
            volume = xmlGetNoNsProp(each, (const xmlChar *)"volume");
        }
        if (pool && volume && *pool && *volume) {
            g_ptr_array_add(volumes, g_strdup((const char *)pool));
            g_ptr_array_add(volumes, g_strdup((const char *)volume));
        }
        xmlFree(pool);
        xmlFree(volume);
        add_volumes(volumes, each, depth + 1);
    }
}

GPtrArray *
lull_vm_volumes(const char *xml, GError **error)
{
    g_autoptr(XmlDoc) doc = parse(xml, error);
    GPtrArray *volumes;

    if (!doc)
        return NULL;
    volumes = g_ptr_array_new_with_free_func(g_free);
    add_volumes(volumes, xmlDocGetRootElement(doc), 0);
    return volumes;
}
