/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <pthread.h>

#include "coordinator/guest/link.h"
#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/image.h"

G_BEGIN_DECLS

/* What restores in place (restore.c) and new machines (restore-new.c) have in common: what is read and marked
 * (restore-load.c), looked at before anything is touched (restore-check.c), and copied (restore-copy.c). */

typedef struct {
    LullJson *row; /* of the manifest; lent */
    char *stored;
    char *source;   /* where links lead: the file or device that it was */
    char *target;   /* that it is to be; in place the same */
    char *part;     /* being written; NULL for a device */
    char *fresh;    /* finished, beside the target */
    guint64 size;   /* of what is stored, with what it is based on */
    gboolean whole; /* what is stored is an image as it was, based on nothing */
    gboolean block;
    int fd;              /* of @part; -1: it is not being written */
    gboolean finished;   /* before: @fresh is there, and was checked */
    gboolean filled;     /* nothing is left to copy */
    gboolean shared;     /* by having the blocks of what is stored */
    gboolean wrong;      /* as was found out of it; of whoever checks, until that is over */
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
    GCancellable *cancel;

    pthread_mutex_t mutex; /* of what follows: how far it is, in bytes */
    guint64 total;
    guint64 done;    /* of volumes copied */
    guint64 current; /* size of the one under way */
    guint permille;  /* of that one */
    guint64 checked; /* read for its sums */
    gboolean sound;  /* all of it, and found right */
} LullRestore;
#define LULL_RESTORE_NEW .mutex = PTHREAD_MUTEX_INITIALIZER
void lull_restore_clear(LullRestore *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullRestore, lull_restore_clear)

/* The name of what is finished for @target, beside it; of one restore only, so that another one's is never
 * taken for it. */
char *lull_restore_fresh_name(const char *target, const char *restore_uid) G_GNUC_WARN_UNUSED_RESULT;

/* Where a volume is to be; @target NULL: where it was. */
void lull_restore_aim(LullRestoreVolume *volume, const char *target, const char *restore_uid);

/* Folder, manifest and volumes. INVALID: a uid is none. */
gboolean lull_restore_load_volumes(LullRestore *self, const char *content_uid, const char *restore_uid,
                                   GError **error);

/* What is to be read. INVALID: it is being deleted. */
gboolean
lull_restore_load_files(LullRestore *self, const char *content_uid, const char *restore_uid, GError **error);

/* Marks are kept with the content. RESTORED: told to restore again, by somebody who lost the answer, it must
 * not strike what was written since. COPYING: something may lie beside the images that goes with the content
 * at the latest; its text is empty, or of a new machine what restore-new.c has to know. RESTORING: the
 * content is needed until it is over. */
gboolean lull_restore_is_marked(const LullRestore *self, const char *prefix, const char *restore_uid);
gboolean lull_restore_mark(const LullRestore *self, const char *prefix, const char *restore_uid,
                           const char *text, GError **error);

/* The text of COPYING. NULL: there is no such mark, or it is of a restore in place. INVALID: @restore_uid is
 * no UUID. */
gboolean
lull_restore_read_mark(const char *folder, const char *restore_uid, LullJson **ret_mark, GError **error);
void lull_restore_unmark(const char *folder, const char *prefix, const char *restore_uid);
void lull_restore_unmark_all(const char *folder, const char *restore_uid); /* it is over */

/* Were these the disks of a guest that had switched itself off? */
gboolean lull_restore_is_at_rest(const LullRestore *self);

/* Tells how far it is: as far as the slower of copying and checking. @mutex is held. */
void lull_restore_tell(LullRestore *self);

/* All files, finished and durable, under the names that only this restore has: of what is stored as it was
 * sealed, which is checked meanwhile, and no file has such a name before that is over. INVALID: it is not.
 * NO_SPACE: they do not fit. What is finished by then stays. */
gboolean lull_restore_copy_files(LullRestore *self, GError **error);

/* All devices, after that. */
gboolean lull_restore_copy_devices(LullRestore *self, GError **error);

/* The owner and mode of @target, where there is one; @path names @fd in errors. */
gboolean lull_restore_give_owner(int fd, const char *path, const char *target, GError **error);

/* A small file of the content, LULL_FOLDER_DOMAIN or _NVRAM, with a NUL behind it. INVALID: it is not what
 * was stored. */
char *lull_restore_read_file(const LullRestore *self, const char *name, gsize *ret_length,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The stored NVRAM: finished and durable under the name @to only, with the owner that the old one has. */
gboolean lull_restore_copy_nvram(const LullRestore *self, const char *to, GError **error);

/* restore-new.c: takes back what a new machine was to have, as its mark's text tells, and then the marks;
 * @made: it is the machine's, and stays. */
gboolean lull_restore_new_drop(LullBackupStorage *storage, LullJson *mark, const char *restore_uid,
                               gboolean made, GError **error);

/* The machine is off, called as it was, and without a saved state; of one that is gone, nobody else has what
 * it had. */
gboolean lull_restore_check_target(const LullRestore *self, const char *vm_uid, GError **error);

/* Its folder is there; no file that is made would take the place of a link. @what it is, in errors. */
gboolean lull_restore_check_place(const char *what, const char *path, GError **error);

/* So it is with each file of one in place. */
gboolean lull_restore_check_places(const LullRestore *self, GError **error);

/* INVALID: definition or NVRAM are not what was stored. */
gboolean lull_restore_check_small(const LullRestore *self, GError **error);

/* The data, and what they are based on, are what they were when they were sealed. Of a volume that shares
 * blocks its own are read, since nobody knows what the file system made of that; where they are not right,
 * and what is stored is, it is `wrong`. Nothing is read of volumes that are finished. */
gboolean lull_restore_check_data(LullRestore *self, GCancellable *cancel, GError **error);

/* From here to the end nobody else can open the old images, so nobody can start the virtual machine. */
gboolean lull_restore_lock_images(LullRestore *self, GError **error);

gboolean lull_restore_check_space(const LullRestore *self, GError **error);

G_END_DECLS
