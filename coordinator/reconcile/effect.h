/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* What effects of all reconcilers share: writes on the store that count "there already" and "gone already" as
 * done. A CONFLICT is returned as it is: the loop looks again. */

gboolean lull_effect_patch(LullStore *store, const LullKind *kind, LullJson *object, LullPatchTarget target,
                           LullJson *take_patch, GError **error);
gboolean lull_effect_finalizer(LullStore *store, const LullKind *kind, LullJson *object,
                               const char *finalizer, gboolean present, GError **error);
gboolean lull_effect_status(LullStore *store, const LullKind *kind, LullJson *object, LullJson *status,
                            GError **error);
gboolean lull_effect_annotate(LullStore *store, const LullKind *kind, LullJson *object, const char *key,
                              const char *value, GError **error);
gboolean lull_effect_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error);
gboolean lull_effect_remove(LullStore *store, const LullKind *kind, LullJson *object, GError **error);
/* Only as it was seen: one that arrives late finds it changed. */
gboolean lull_effect_remove_seen(LullStore *store, const LullKind *kind, LullJson *object, GError **error);

/* Sets or clears (NULL) a lock of the VM: status.@field. To set it @vm must have no other one that counts;
 * void ones, see below, go with that: some day somebody has their owner's name. *@ret_vm (may be NULL): what
 * became of it; NULL: it is gone. */
gboolean lull_effect_lock(LullStore *store, LullJson *vm, const char *field, const char *owner,
                          LullJson **ret_vm, GError **error);

/* Replaces @vm (may point to NULL) by one without the locks of snapshots and restores that do not exist:
 * nobody would ever let go of them. Of what has no such name nobody knows: it is left. */
gboolean lull_effect_drop_void_locks(LullStore *store, LullJson **vm, GError **error);

/* Reads; an absent object is a fact: TRUE with NULL. */
gboolean lull_effect_get(LullStore *store, const LullKind *kind, const char *ns, const char *name,
                         LullJson **ret_object, GError **error);

G_END_DECLS
