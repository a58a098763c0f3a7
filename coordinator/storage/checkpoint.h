/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"

G_BEGIN_DECLS

/* libvirt's checkpoints: names for bitmaps, one in each image, that record what changed since. Ours are
 * called lull-<content uid>-<attempt>; others' are left alone. */

#define LULL_CHECKPOINT_PREFIX "lull-"

char *lull_checkpoint_name(const char *content_uid, guint attempt) G_GNUC_WARN_UNUSED_RESULT;

/* <domaincheckpoint> for a backup job: bitmaps for @disks, none for @others; both NULL-terminated. */
char *lull_checkpoint_xml(const char *name, const char *const *disks,
                          const char *const *others) G_GNUC_WARN_UNUSED_RESULT;

/* Disk -> gint64*, bytes changed since, of those whose bitmap is there and whole: libvirt tells no size of
 * any other. From the XML that it gives with sizes. Pure. */
GHashTable *lull_checkpoint_sizes_of(const char *xml) G_GNUC_WARN_UNUSED_RESULT;
GHashTable *
lull_checkpoint_sizes(LullDomain *domain, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Names of ours. None where the driver knows no checkpoints. */
GPtrArray *lull_checkpoint_list(LullDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Removes one, or those whose names begin with @prefix, but @keep (may be NULL), bitmaps and all. libvirt can
 * do that while the machine runs; else, and where a bitmap is missing already, it just forgets them, which
 * ends the chain all the same. None there is fine. */
gboolean lull_checkpoint_remove_one(LullDomain *domain, const char *name, GError **error);
gboolean lull_checkpoint_remove(LullDomain *domain, const char *prefix, const char *keep, GError **error);

G_END_DECLS
