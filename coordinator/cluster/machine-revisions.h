/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* A machine may have an instance type and a preference, as they were when it was made: ControllerRevisions
 * that belong to it, and go with it. A snapshot keeps copies of its own, which belong to the snapshot. */

/* LullSnapshotSource.keep, @user_data a LullStore. @spec (of @vm, to be changed) names the copies then. */
gboolean lull_machine_keep_revisions(gpointer user_data, LullJson *snapshot, LullJson *vm, LullJson *spec,
                                     GError **error);

/* *@ret_problem, as LULL_SOURCE_PROBLEM has it: one that @vm names is not there. NULL: all are. */
gboolean lull_machine_look_for_revisions(LullStore *store, LullJson *vm, char **ret_problem, GError **error);

/* The revision that @spec or, where that says none, the status of @vm has for @member ("instancetype" or
 * "preference"); NULL: none. Lent, pure. */
const char *lull_machine_revision(LullJson *vm, LullJson *spec, const char *member);

/* What a copy of @revision for @snapshot is called where nothing is in the way: as clients know it, by the
 * names of machine and snapshot. And where something is, by the snapshot's uid. Pure. */
char *lull_machine_revision_name(const char *revision, const char *vm, const char *snapshot);
char *lull_machine_revision_other_name(LullJson *snapshot, const char *member);

/* Is @there, found under a copy's name, just that: @copy? Pure. */
gboolean lull_machine_revision_is(LullJson *there, LullJson *copy);

G_END_DECLS
