/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* What a store does to objects, without the storing: the rules of store.h as pure functions, the same for
 * every store that keeps objects itself. */

/* The object as created: checked, uid, creationTimestamp and generation set, status dropped, generateName
 * expanded. resourceVersion is the store's. INVALID. @now: wall clock. */
LullJson *lull_object_created(const LullKind *kind, LullJson *object, gint64 now,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* @current after the patch; equal to it (lull_json_equal) where nothing changes. CONFLICT, INVALID. */
LullJson *lull_object_patched(const LullKind *kind, LullJson *current, LullPatchTarget target,
                              LullJson *patch, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sets deletionTimestamp, once. */
void lull_object_mark_deleted(LullJson *object, gint64 now);

/* Deletion was asked for and no finalizer holds it back. */
gboolean lull_object_may_go(LullJson *object);
gboolean lull_object_has_finalizers(LullJson *object);

void lull_object_set_version(LullJson *object, gint64 version);

/* Errors with Kubernetes' wording. */
void lull_object_not_found(const LullKind *kind, const char *name, GError **error);
void lull_object_exists(const LullKind *kind, const char *name, GError **error);
void lull_object_conflict(const LullKind *kind, LullJson *object, GError **error);

/* CONFLICT unless @uid is NULL or the object's, or what lull_meta_seen() tells of it. */
gboolean lull_object_check_uid(const LullKind *kind, LullJson *object, const char *uid, GError **error);

G_END_DECLS
