/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/storage/storage.h"

G_BEGIN_DECLS

typedef struct {
    LullStorage storage;
    LullHost *host;
    char *directory;
} LullBackupStorage;

/* manifest.c: what an attempt says of itself, and what a content does. */

/* For attempt.json: the volumes, where they came from and what they are called. @capacities: bytes, in the
 * order of the volumes that are not excluded. */
LullJson *lull_attempt_new(const LullVm *vm, const guint64 *capacities) G_GNUC_WARN_UNUSED_RESULT;

/* Sum of capacities: what a job over them has to copy. */
guint64 lull_attempt_total(LullJson *attempt);

/* Reads <folder>/manifest.json and refuses one that names files outside, repeats itself or lacks something.
 */
LullJson *lull_manifest_read(const char *folder, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lull_manifest_check(LullJson *manifest, GError **error);

/* The sealing itself: sums, manifest, durable. The folder is still the attempt's. */
gboolean lull_manifest_write(const char *folder, const char *uid, LullJson *attempt, LullJson *content,
                             GCancellable *cancel, GError **error);

/* restore.c */
gboolean lull_backup_restore(LullStorage *storage, const char *content_uid, const char *vm_uid,
                             const char *restore_uid, void (*progress)(guint permille, gpointer user_data),
                             gpointer user_data, GCancellable *cancel, GError **error);
void lull_backup_drop_restore(LullStorage *storage, const char *content_uid, const char *restore_uid);

G_END_DECLS
