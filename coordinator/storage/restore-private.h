/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"
#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/image.h"

G_BEGIN_DECLS

/* restore.c, and what it looks at before it touches anything: restore-check.c. */

typedef struct {
    LullJson *row; /* of the manifest; lent */
    char *stored;
    char *target; /* where links lead */
    char *part;   /* being written; NULL for a device */
    char *fresh;  /* finished, beside the target */
    guint64 size; /* of what is stored, with what it is based on */
    gboolean block;
    LullImageLock *lock; /* on the image that has the name; NULL where there is none */
} LullRestoreVolume;

typedef struct {
    LullBackupStorage *storage;
    char *folder;
    LullJson *manifest;
    GPtrArray *volumes;
    GPtrArray *files; /* of LullStoredFile: all that is read */
    LullLink *link;
    void (*progress)(guint permille, gpointer user_data);
    gpointer user_data;
    guint64 total;
    guint64 done;    /* of volumes finished */
    guint64 current; /* size of the one under way */
    GCancellable *cancel;
} LullRestore;

/* The machine is off, called as it was, and without a saved state; of one that is gone, nobody else has what
 * it had. */
gboolean lull_restore_check_target(const LullRestore *self, const char *vm_uid, GError **error);

/* There is a folder for each file. */
gboolean lull_restore_check_places(const LullRestore *self, GError **error);

/* The stored data, and what they are based on, are what they were when they were sealed. */
gboolean lull_restore_verify_stored(const LullRestore *self, GError **error);

/* From here to the end nobody else can open the old images, so nobody can start the virtual machine. */
gboolean lull_restore_lock_images(LullRestore *self, GError **error);

gboolean lull_restore_check_space(const LullRestore *self, GError **error);

G_END_DECLS
