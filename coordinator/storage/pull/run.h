/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"
#include "coordinator/guest/vm.h"
#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/copies.h"

G_BEGIN_DECLS

/* What a pull job shows of the instant of the cut is copied: all volumes of a machine together, as far as
 * those of others leave a place. The job goes on as long as nobody ends it and the machine runs, so that this
 * may be begun anew as often as it takes; while it does, the guest's writes go on only as long as there is
 * room for what they overwrite. */

/* In the description of an attempt: where QEMU listens, and how many bytes are to stay free. */
#define LULL_PULL_SOCKET  "socket"
#define LULL_PULL_RESERVE "reserve"

/* What is to be free for what the guest overwrites while @need bytes are copied, it having @allocated. Pure.
 */
guint64 lull_pull_room(guint64 need, guint64 allocated);

/* Of @spare bytes that are free besides what is copied: how many are to stay so. Most of @room is for the
 * guest; what it writes until its job has ended has to fit into the rest. Pure. */
guint64 lull_pull_reserve(guint64 room, guint64 allocated, guint64 spare);

/* How long until the next look at what is free. Pure. */
gint64 lull_pull_pause(guint64 free, guint64 reserve);

/* Work: the LullBackupStorage. Writes the volumes' files, and their sums into the description. Whatever came
 * of it, the job is ended then. */
extern const LullCopyKind lull_copy_kind_pull;

/* Empty scratch files for @vm below @folder, which QEMU may write to. */
gboolean
lull_pull_make_scratch(const LullVm *vm, const char *folder, const guint64 *capacities, GError **error);

/* Removes what the job of the attempt needed, once it is over. */
void lull_pull_clear_scratch(const char *folder, LullJson *attempt);

/* The machine of @attempt. FALSE without an error: it is gone. */
gboolean lull_pull_borrow(LullBackupStorage *self, LullJson *attempt, LullLink **ret_link,
                          LullDomain **ret_domain, GError **error);

/* Ends the job of the attempt, and removes what it needed. Fine if there is none any more. */
gboolean lull_pull_end(LullBackupStorage *self, const char *folder, LullJson *attempt, GError **error);

G_END_DECLS
