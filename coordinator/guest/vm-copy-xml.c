/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm-copy-private.h"

#include "protocol/error.h"

gboolean
lull_copy_is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns && g_str_equal((const char *)node->name, name);
}

xmlNode *
lull_copy_child(const xmlNode *node, const char *name)
{
    for (xmlNode *each = node ? node->children : NULL; each; each = each->next)
        if (lull_copy_is_element(each, name))
            return each;
    return NULL;
}

xmlNode *
lull_copy_ensure_child(xmlNode *node, const char *name)
{
    xmlNode *found = lull_copy_child(node, name);

    return found ? found : xmlNewChild(node, NULL, (const xmlChar *)name, NULL);
}

char *
lull_copy_attribute(const xmlNode *node, const char *name)
{
    xmlChar *value = node ? xmlGetNoNsProp(node, (const xmlChar *)name) : NULL;
    char *copy = g_strdup((const char *)value);

    xmlFree(value);
    return copy;
}

gboolean
lull_copy_attribute_is(const xmlNode *node, const char *name, const char *wanted)
{
    g_autofree char *value = lull_copy_attribute(node, name);

    return g_strcmp0(value, wanted) == 0;
}

void
lull_copy_set_attribute(xmlNode *node, const char *name, const char *value)
{
    xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

void
lull_copy_unset_attribute(xmlNode *node, const char *name)
{
    if (node)
        xmlUnsetProp(node, (const xmlChar *)name);
}

void
lull_copy_set_text(xmlNode *node, const char *text)
{
    xmlNodeSetContent(node, NULL);
    xmlNodeAddContent(node, (const xmlChar *)text); /* escapes what the other takes for entities */
}

void
lull_copy_drop(xmlNode *node)
{
    if (!node)
        return;
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

gboolean
lull_copy_refuse(GError **error, const char *what, const char *why)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                "a new virtual machine cannot be made of it: %s %s", what, why);
    return FALSE;
}

gboolean
lull_copy_attribute_among(const xmlNode *node, const char *name, const char *const *wanted)
{
    g_autofree char *value = lull_copy_attribute(node, name);

    return value && g_strv_contains(wanted, value);
}

gboolean
lull_copy_refuse_element(GError **error, const xmlNode *element)
{
    const char *prefix = element->ns && element->ns->prefix ? (const char *)element->ns->prefix : NULL;
    g_autofree char *type = lull_copy_attribute(element, "type");
    g_autofree char *model = lull_copy_attribute(element, "model");
    const char *kind = type ? type : model;
    g_autofree char *what = g_strdup_printf("its <%s%s%.40s%s%.40s>", prefix ? prefix : "", prefix ? ":" : "",
                                            (const char *)element->name, kind ? " " : "", kind ? kind : "");

    return lull_copy_refuse(
        error, what,
        "may be something that two machines must not have, such as storage that both would "
        "write to: restore it onto the machine itself, or take that out of the machine and "
        "take another snapshot");
}
