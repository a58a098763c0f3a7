/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/checkpoint.h"

#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#define MAX_XML (4 * 1024 * 1024)

typedef virDomainCheckpoint Checkpoint;
static void
checkpoint_put(Checkpoint *checkpoint)
{
    virDomainCheckpointFree(checkpoint);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Checkpoint, checkpoint_put)

char *
lull_checkpoint_name(const char *content_uid, guint attempt)
{
    return g_strdup_printf(LULL_CHECKPOINT_PREFIX "%s-%u", content_uid, attempt);
}

static void
append_disks(GString *xml, const char *const *disks, const char *what)
{
    for (; *disks; disks++) {
        g_autofree char *disk = g_markup_escape_text(*disks, -1);

        g_string_append_printf(xml, "<disk name='%s' checkpoint='%s'/>", disk, what);
    }
}

char *
lull_checkpoint_xml(const char *name, const char *const *disks, const char *const *others)
{
    GString *xml = g_string_new(NULL);

    g_string_append_printf(xml, "<domaincheckpoint><name>%s</name><disks>", name);
    append_disks(xml, disks, "bitmap");
    append_disks(xml, others, "no");
    return g_string_free(g_string_append(xml, "</disks></domaincheckpoint>"), FALSE);
}

static char *
attribute(xmlNode *node, const char *name)
{
    xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
    char *copy = g_strdup((const char *)value);

    xmlFree(value);
    return copy;
}

static void
read_disk(xmlNode *node, GHashTable *sizes)
{
    g_autofree char *name = attribute(node, "name");
    g_autofree char *size = attribute(node, "size");
    g_autofree gint64 *bytes = g_new0(gint64, 1);

    if (name && size && g_ascii_string_to_signed(size, 10, 0, G_MAXINT64, bytes, NULL))
        g_hash_table_replace(sizes, g_steal_pointer(&name), g_steal_pointer(&bytes));
}

/* <domaincheckpoint><disks><disk/>: a domain, with disks of its own, may stand beside them */
static xmlNode *
child(xmlNode *node, const char *name)
{
    for (xmlNode *each = node ? node->children : NULL; each; each = each->next)
        if (each->type == XML_ELEMENT_NODE && g_str_equal((const char *)each->name, name))
            return each;
    return NULL;
}

GHashTable *
lull_checkpoint_sizes_of(const char *xml)
{
    GHashTable *sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const size_t length = strlen(xml);
    xmlDoc *doc = length > MAX_XML ? NULL
                                   : xmlReadMemory(xml, (int)length, "checkpoint.xml", NULL,
                                                   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlNode *disks = doc && !xmlGetIntSubset(doc) ? child(xmlDocGetRootElement(doc), "disks") : NULL;

    for (xmlNode *each = disks ? disks->children : NULL; each; each = each->next)
        if (each->type == XML_ELEMENT_NODE && g_str_equal((const char *)each->name, "disk"))
            read_disk(each, sizes);
    xmlFreeDoc(doc);
    return sizes;
}

GHashTable *
lull_checkpoint_sizes(LullDomain *domain, const char *name, GError **error)
{
    g_autoptr(Checkpoint) checkpoint = virDomainCheckpointLookupByName(domain, name, 0);
    char *xml = checkpoint ? virDomainCheckpointGetXMLDesc(checkpoint, VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN |
                                                                           VIR_DOMAIN_CHECKPOINT_XML_SIZE)
                           : NULL;
    GHashTable *sizes;

    if (!xml) {
        lull_link_error(error, "checkpoint of the last snapshot");
        return NULL;
    }
    sizes = lull_checkpoint_sizes_of(xml);
    free(xml);
    return sizes;
}

GPtrArray *
lull_checkpoint_list(LullDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    virDomainCheckpointPtr *all = NULL;
    const int n = virDomainListAllCheckpoints(domain, &all, 0);

    if (n < 0 && virGetLastErrorCode() != VIR_ERR_NO_SUPPORT) {
        lull_link_error(error, "checkpoints of the virtual machine");
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        const char *name = virDomainCheckpointGetName(all[i]);

        if (name && g_str_has_prefix(name, LULL_CHECKPOINT_PREFIX))
            g_ptr_array_add(names, g_strdup(name));
        virDomainCheckpointFree(all[i]);
    }
    free(all);
    return g_steal_pointer(&names);
}

gboolean
lull_checkpoint_remove_one(LullDomain *domain, const char *name, GError **error)
{
    g_autoptr(Checkpoint) checkpoint = virDomainCheckpointLookupByName(domain, name, 0);
    const int code = checkpoint ? VIR_ERR_OK : virGetLastErrorCode();

    if (!checkpoint)
        return code == VIR_ERR_NO_DOMAIN_CHECKPOINT || code == VIR_ERR_NO_SUPPORT ||
               lull_link_error(error, name);
    return virDomainCheckpointDelete(checkpoint, 0) == 0 ||
           virDomainCheckpointDelete(checkpoint, VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY) == 0 ||
           lull_link_error(error, name);
}

gboolean
lull_checkpoint_remove(LullDomain *domain, const char *prefix, const char *keep, GError **error)
{
    g_autoptr(GPtrArray) names = lull_checkpoint_list(domain, error);

    for (guint i = 0; names && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (g_str_has_prefix(name, prefix) && g_strcmp0(name, keep) != 0 &&
            !lull_checkpoint_remove_one(domain, name, error))
            return FALSE;
    }
    return names != NULL;
}
