/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <libxml/tree.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* What the copy of a definition (vm-copy.c) and of its devices (vm-copy-devices.c) have in common. Elements
 * are those of no namespace. */

gboolean lull_copy_is_element(const xmlNode *node, const char *name);
xmlNode *lull_copy_child(const xmlNode *node, const char *name);
xmlNode *lull_copy_ensure_child(xmlNode *node, const char *name);
char *lull_copy_attribute(const xmlNode *node, const char *name) G_GNUC_WARN_UNUSED_RESULT;
gboolean lull_copy_attribute_is(const xmlNode *node, const char *name, const char *wanted);
gboolean lull_copy_attribute_among(const xmlNode *node, const char *name, const char *const *wanted);
void lull_copy_set_attribute(xmlNode *node, const char *name, const char *value);
void lull_copy_unset_attribute(xmlNode *node, const char *name);
void lull_copy_set_text(xmlNode *node, const char *text);
void lull_copy_drop(xmlNode *node);

/* UNSUPPORTED; FALSE. The second: by the name of the element, which nothing is known of, or which belongs to
 * one machine only. */
gboolean lull_copy_refuse(GError **error, const char *what, const char *why);
gboolean lull_copy_refuse_element(GError **error, const xmlNode *element);

/* @disks: as in LullVmCopy. */
gboolean lull_copy_devices(xmlNode *devices, LullJson *disks, GError **error);

G_END_DECLS
