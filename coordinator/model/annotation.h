/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"

G_BEGIN_DECLS

/* The annotations below lull.dev/: their names here, and in one table on which objects they are, who writes
 * them and what users may say by them. docs/api.md tells the same. */

#define LULL_ANNOTATION_PREFIX "lull.dev/"

/* What users want of a snapshot. */
#define LULL_ANNOTATION_REQUIRE LULL_ANNOTATION_PREFIX "require"
#define LULL_ANNOTATION_EXCLUDE LULL_ANNOTATION_PREFIX "exclude-volumes"

/* What the coordinator notes. */
#define LULL_ANNOTATION_REPORT  LULL_ANNOTATION_PREFIX "quiesce-report"
#define LULL_ANNOTATION_POLICY  LULL_ANNOTATION_PREFIX "policy"
#define LULL_ANNOTATION_ATTEMPT LULL_ANNOTATION_PREFIX "attempt"
#define LULL_ANNOTATION_DOMAIN  LULL_ANNOTATION_PREFIX "domain"

/* In a cluster, on a content: which node may begin which attempt (reconcile/grant.h), and, as a label of it
 * and of its VolumeSnapshots, which one sees to it. */
#define LULL_ANNOTATION_GRANT LULL_ANNOTATION_PREFIX "grant"
#define LULL_LABEL_NODE       LULL_ANNOTATION_PREFIX "node"

/* On what is under way, for people who wait: {"step": "preparing|frozen|queued|copying|restoring",
 * "permille": 0-1000}; a courtesy, nothing may depend on it. */
#define LULL_ANNOTATION_PROGRESS LULL_ANNOTATION_PREFIX "progress"

/* On a restore, "true", or in a cluster how the target was run ("Always"): it is started once all is in
 * place. Written before a target that runs is told to stop, and replaced at the end by "started" or "failed:
 * why". */
#define LULL_ANNOTATION_START_TARGET LULL_ANNOTATION_PREFIX "start-target"

typedef struct {
    const char *name; /* NULL ends the table */
    const LullKind *kinds[4];
    gboolean by_user;          /* else the coordinator writes it, and any value passes: objects are sent back
                                  as they were read */
    const char *const *values; /* by_user: what may be said, NULL-terminated; NULL: a list of names */
} LullAnnotation;

const LullAnnotation *lull_annotations(void);

/* What is wrong with the annotation @name, "lull.dev/...", of an object of @kind: unknown there, or no such
 * value. NULL: nothing. */
char *
lull_annotation_fault(const LullKind *kind, const char *name, const char *value) G_GNUC_WARN_UNUSED_RESULT;

/* "vdb, vdc" as names without spaces, in their order; empty where the text is. NULL: it is no such list. */
GStrv lull_annotation_names(const char *text) G_GNUC_WARN_UNUSED_RESULT;
#define LULL_ANNOTATION_MAX_NAMES 256

G_END_DECLS
