/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Who uses the claims of a namespace. A DataVolume's claim has its name: whoever names one uses the other. */
typedef struct {
    LullJson *machines, *instances, *pods; /* arrays, owned */
} LullRestoreUsers;
void lull_restore_users_clear(LullRestoreUsers *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullRestoreUsers, lull_restore_users_clear)

gboolean
lull_restore_users_list(LullStore *store, const char *ns, LullRestoreUsers *ret_users, GError **error);

/* The first of them that names @claim, whether it runs or not, as "vm NAME"; NULL: nobody does. Pure. */
char *lull_restore_users_find(const LullRestoreUsers *self, const char *claim) G_GNUC_WARN_UNUSED_RESULT;

/* The same of whoever may use it while the machine @target is off: not what that names, and no instance or
 * pod that has ended. */
char *lull_restore_users_find_other(const LullRestoreUsers *self, const char *target,
                                    const char *claim) G_GNUC_WARN_UNUSED_RESULT;

/* Does a volume of a machine, an instance or a pod name it? Pure. */
gboolean lull_restore_volume_uses(LullJson *volume, const char *claim);

/* Does a machine, by a volume or a template? Pure. */
gboolean lull_restore_machine_uses(LullJson *machine, const char *claim);

G_END_DECLS
