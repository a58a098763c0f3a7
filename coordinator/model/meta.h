/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/annotation.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* What every object has. Getters lend; "" never, NULL where absent. */
const char *lull_meta_name(LullJson *object);
const char *lull_meta_namespace(LullJson *object);
const char *lull_meta_uid(LullJson *object);
const char *lull_meta_version(LullJson *object); /* resourceVersion: opaque, compare for equality only */
char *lull_meta_seen(LullJson *object) G_GNUC_WARN_UNUSED_RESULT; /* lull_store_remove(): this, unchanged */
LullJson *lull_meta_preconditions(const char *seen) G_GNUC_WARN_UNUSED_RESULT; /* that, as in DeleteOptions */
const char *lull_meta_annotation(LullJson *object, const char *key);           /* LULL_ANNOTATION_... */
gboolean lull_meta_is_deleting(LullJson *object);
gint64 lull_meta_created(LullJson *object); /* wall clock usec, 0 unknown */
gboolean lull_meta_has_finalizer(LullJson *object, const char *finalizer);

/* Leaves nothing of @object but its name, namespace, uid and resourceVersion. */
void lull_meta_trim(LullJson *object);
void lull_meta_trim_owned(LullJson *object); /* and whose it is, and whether it is being deleted */

/* Patches (owned by the caller) that carry the object's resourceVersion, so that a stale writer gets
 * LULL_ERROR_CONFLICT. NULL where nothing would change. */
LullJson *lull_meta_patch_finalizer(LullJson *object, const char *finalizer,
                                    gboolean present) G_GNUC_WARN_UNUSED_RESULT;

/* Conditions as the reference has them: the human sentence stands in `reason`. Changes the entry in
 * place (or adds it) if status or reason differ; then sets lastTransitionTime. @now: wall clock. */
gboolean
lull_condition_set(LullJson *status, const char *type, gboolean value, const char *reason, gint64 now);
/* More of one that is there, for people, in its `message`; NULL: nothing. */
void lull_condition_tell(LullJson *status, const char *type, const char *message);
const char *lull_condition_message(LullJson *object, const char *type);
gboolean lull_condition_is(LullJson *object, const char *type, gboolean value); /* FALSE where absent */
gboolean lull_condition_has(LullJson *object, const char *type);                /* whatever it says */
const char *lull_condition_reason(LullJson *object, const char *type);
const char *lull_condition_changed(LullJson *object, const char *type); /* its lastTransitionTime, or NULL */

/* Go's duration syntax ("300ms", "-1.5h", "2h45m"), or a bare number of seconds. Microseconds. What does not
 * match the pattern, in the syntax of JSON Schema, is none. */
#define LULL_DURATION_PATTERN                                                                                \
    "^[-+]?(([0-9]+\\.?[0-9]*|\\.[0-9]+)|(([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|\302\265s|\316\274s|ms|s|m|h))" \
    "+)$"
gboolean lull_duration_parse(const char *text, gint64 *ret_usec, GError **error);
gboolean lull_duration_from_json(LullJson *value, gint64 *ret_usec, GError **error);

/* DNS-1123 subdomain (names) and label (namespaces). */
gboolean lull_name_is_valid(const char *name);

/* The uid of the owner that controls it, lent; "": nobody does. And metadata.ownerReferences for one that
 * does, and goes after what it owns. */
LullJson *lull_meta_owner(LullJson *object); /* the reference itself, lent; NULL: nobody does */
const char *lull_meta_controller(LullJson *object);
LullJson *lull_meta_owners(const char *api_version, const char *kind, const char *name,
                           const char *uid) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
