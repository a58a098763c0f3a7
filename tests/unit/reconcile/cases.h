/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/snapshot-decide.h"
#include "tests/unit/reconcile/world.h"

G_BEGIN_DECLS

/* What the cases of docs/compatibility.md are told with: one snapshot, "snap", in the simulated world, each
 * pass asked for by name. */

#define NS   "default"
#define SNAP "snap"

/* The snapshot would do @verb for @reason; then it does. */
void cases_step(World *world, LullSnapshotVerb verb, const char *reason);

/* What would be seen of the snapshot in @later seconds. */
LullSnapshotView *cases_view(World *world, int later) G_GNUC_WARN_UNUSED_RESULT;

/* All up to the content that is made: and at work. */
void cases_until_content(World *world);

/* The content's passes until it wants nothing any more: what can be cut is cut and stored. */
void cases_content_settles(World *world);

/* The content's passes until its status has an error. */
void cases_content_errs(World *world);

/* The snapshot's passes until it waits; for @reason. */
void cases_until_wait(World *world, const char *reason);

/* Taken from beginning to end; @annotations, as JSON with ' for ". The result is caller's. */
LullJson *cases_taken(World *world, const char *annotations) G_GNUC_WARN_UNUSED_RESULT;

/* Its condition of @type is @status for @reason. */
void cases_condition(LullJson *object, const char *type, gboolean status, const char *reason);

const char *cases_phase(LullJson *object);

/* status.@member, a list of names, is @expected, as JSON with ' for ". */
void cases_list(LullJson *status, const char *member, const char *expected);

G_END_DECLS
