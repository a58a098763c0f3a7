/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/restore-private.h"

G_BEGIN_DECLS

/* The files of a new machine, disks and NVRAM, while a restore makes them: which are its own, and which it
 * may take back. Each has a first name (lull_restore_fresh_name()) until the machine is made, and its own
 * name as a second link. What size and time each had once it was finished is recorded, durably, before any
 * has its own name: what is different since was written to by somebody else. */

typedef struct {
    const char *uid;    /* of the restore; lent */
    GPtrArray *paths;   /* char *, absolute: their own names */
    LullJson *finished; /* {PATH: {"size", "mtime": nsec}} */
} LullNewFiles;

void lull_new_files_init(LullNewFiles *self, const char *uid);
void lull_new_files_clear(LullNewFiles *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullNewFiles, lull_new_files_clear)

/* From the text of a mark (LULL_FOLDER_COPYING): paths and what is recorded, or what is recorded only of
 * those that are among the paths. */
void lull_new_files_read(LullNewFiles *self, LullJson *mark);
void lull_new_files_take_records(LullNewFiles *self, LullJson *mark);
char *lull_new_files_text(const LullNewFiles *self) G_GNUC_WARN_UNUSED_RESULT;

/* Whether @path is finished, as recorded. */
gboolean lull_new_files_has(const LullNewFiles *self, const char *path);

/* Records those that are finished since. */
void lull_new_files_record(LullNewFiles *self);

/* INVALID: one that was finished was written to since. */
gboolean lull_new_files_check_unchanged(const LullNewFiles *self, GError **error);

/* INVALID: there is a file of a name that they are to have. */
gboolean lull_new_files_check_free(const LullNewFiles *self, GError **error);

/* UNSUPPORTED: a file cannot have two names there. Found out before anything is copied. */
gboolean lull_new_files_try(const LullNewFiles *self, GError **error);

/* Gives them their own names; nobody's place is taken. */
gboolean lull_new_files_place(const LullNewFiles *self, GError **error);

/* The machine is made: the first names go. */
void lull_new_files_settle(const LullNewFiles *self);

/* No machine was made: the files go; not those that a machine that libvirt knows has by now, nor what others
 * wrote to, which keep their own names. Fails where libvirt cannot tell; then some may be left. */
gboolean lull_new_files_take_back(const LullNewFiles *self, LullLink *link, GError **error);

G_END_DECLS
