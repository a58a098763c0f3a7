/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Undoes what an earlier agent and freezer of this boot froze and cannot thaw any more. It reads the record
 * and, mount by mount, the marker (agent/quiesce/record.h): what was never ours is left alone.
 *
 * A freezer that is still there is stopped or stuck, and is killed. One that was killed inside a FIFREEZE is
 * not gone before the kernel gives that back. Until then it has the marker's lock; what it was in the middle
 * of cannot be thawed, and the record stays. The same goes for a file system that can only be reached through
 * one that does not answer: the others are thawed before it is tried. */
typedef struct _LullRecovery LullRecovery;

/* Thaws at once whatever can be, after at most 200 ms of waiting for a freezer that is on its way out.
 * @folder need not exist. Logs: lines must be held back (lull_log_hold()) until it is done. To be called
 * before any file is opened outside of @folder. */
LullRecovery *lull_recovery_start(const char *folder) G_GNUC_WARN_UNUSED_RESULT;

/* Whether nothing is left to thaw. FALSE: to be followed up. */
gboolean lull_recovery_is_done(LullRecovery *self);

/* Has a thread of its own try again every 100 ms until it is done. Once in each process: a fork leaves the
 * thread behind. No-op when done. */
void lull_recovery_follow_up(LullRecovery *self);

/* When done: says in the log what was found and thawed, forgets the record, and lets go of the marker and
 * of the mounts. */
void lull_recovery_finish(LullRecovery *self);
gboolean lull_recovery_is_finished(const LullRecovery *self);

/* Whose freeze it was; NULL: nothing was left behind, or it is of another boot. */
const char *lull_recovery_op(const LullRecovery *self);
gboolean lull_recovery_standard(const LullRecovery *self);

/* A thread that follows up keeps what it needs. */
void lull_recovery_free(LullRecovery *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullRecovery, lull_recovery_free)

G_END_DECLS
