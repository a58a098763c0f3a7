/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* The instance type and the preference of a machine that is restored: the snapshot has ControllerRevisions of
 * its own (machine-revisions.h), and goes some day; the machine gets copies of these. Each call looks first,
 * and may be made again. */

/* Makes the copies that @machine, as it is to be, needs, and names them in it. @vm: the target as it is,
 * NULL: not there. One that is there and says the same is taken; beside one that says something else there is
 * another of another name: what the machine has now stays whole. BUSY: the snapshot's is not there. */
gboolean lull_restore_put_revisions(LullStore *store, LullJson *restore, LullJson *vm, LullJson *machine,
                                    GError **error);

/* Those of @vm that nobody owns are its own from now on. */
gboolean lull_restore_own_revisions(LullStore *store, LullJson *vm, GError **error);

/* Has it any? Pure. */
gboolean lull_restore_has_revisions(LullJson *vm);

/* What the copy of @revision is called: by the target's name where the snapshot's was. And where that is
 * somebody's, by the restore's uid. Pure. */
char *lull_restore_revision_name(const char *revision, const char *snapshot,
                                 const char *target) G_GNUC_WARN_UNUSED_RESULT;
char *lull_restore_revision_other_name(LullJson *restore, const char *member) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
