/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/storage/chain-lock.h"
#include "coordinator/storage/chain-plan.h"
#include "coordinator/storage/copies.h"
#include "coordinator/storage/storage.h"
#include "coordinator/storage/turns.h"

G_BEGIN_DECLS

typedef struct {
    LullStorage storage;
    LullHost *host;
    char *directory;
    int there;    /* says that a coordinator is there: a lock on the directory; -1: it cannot be said */
    gint64 lease; /* microseconds that a job goes on without */
    LullChainLocks *chains; /* what is stored is read, merged or removed: for long */
    LullChainLocks
        *additions; /* a content is added to what is there, or somebody looks what is: after @chains */
    LullCopies *copies;
    LullTurns *volumes; /* of machines that run: so many are copied at a time */
    GMutex mutex;
    GHashTable
        *distrusted; /* with the mutex: uids of machines whose last cut with a checkpoint was refused */
} LullBackupStorage;

/* manifest.c: what an attempt says of itself, and what a content does. */

/* For attempt.json: the volumes, where they came from and what they are called. @capacities: bytes, in the
 * order of the volumes that are not excluded. @plan: NULL where all are whole, as @plan's OFF says. */
LullJson *lull_attempt_new(const LullVm *vm, const guint64 *capacities,
                           const LullChainPlan *plan) G_GNUC_WARN_UNUSED_RESULT;

/* Reads <folder>/manifest.json and refuses one that names files outside, repeats itself or lacks something.
 */
LullJson *lull_manifest_read(const char *folder, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lull_manifest_check(LullJson *manifest, GError **error);

/* The sealing itself: sums, manifest, durable. The folder is still the attempt's. */
gboolean lull_manifest_write(const char *folder, const char *uid, LullJson *attempt, LullJson *content,
                             GCancellable *cancel, GError **error);

/* The manifest as it is, once it was found to be right; durable. */
gboolean lull_manifest_store(const char *folder, LullJson *manifest, GError **error);

/* poll.c */
gboolean lull_backup_poll(LullStorage *storage, const char *vm_uid, const char *content_uid, guint attempt,
                          LullCopyProgress *ret_progress, GError **error);

/* remove.c */
gboolean lull_backup_remove(LullStorage *storage, const char *vm_uid, const char *content_uid, guint attempt,
                            GCancellable *cancel, GError **error);

/* Goes on with the merges into @content_uid and what it is based on that an earlier life left. With the
 * chains of the machine locked. */
gboolean
lull_backup_settle(LullBackupStorage *self, const char *content_uid, GCancellable *cancel, GError **error);

/* check.c */
gboolean
lull_backup_check(LullStorage *storage, const char *content_uid, GPtrArray **ret_volumes, GError **error);

/* restore.c, restore-new.c: storage.h has what they do. */
gboolean lull_backup_restore(LullStorage *storage, const char *content_uid, const char *vm_uid,
                             const char *restore_uid, void (*progress)(guint permille, gpointer user_data),
                             gpointer user_data, GCancellable *cancel, GError **error);
gboolean
lull_backup_restore_new(LullStorage *storage, const char *content_uid, const LullNewMachine *wanted,
                        const char *restore_uid, void (*progress)(guint permille, gpointer user_data),
                        gpointer user_data, GCancellable *cancel, GError **error);
guint64 lull_backup_stored_bytes(LullStorage *storage, const char *content_uid);
gboolean lull_backup_drop_restore(LullStorage *storage, const char *content_uid, const char *restore_uid,
                                  GError **error);

G_END_DECLS
