/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/guest/link.h"
#include "coordinator/guest/vm.h"
#include "coordinator/storage/copies.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* Copies of machines that are off. Their images are held under QEMU's own lock from before the cut until they
 * are copied, as a reader holds it that suffers no writer: whoever starts the machine before that is told
 * that the image is in use, and has to try again. The lock goes with this process; that nothing was written
 * while it was away is seen by marks on the images, which the cut writes down. */
typedef struct _LullOffline LullOffline;

/* In the description of an attempt: the marks on the images of its volumes, by name; absent where nothing
 * would tell. */
#define LULL_OFFLINE_MARKS "offline"

/* Locks the images of the volumes of @vm that are not excluded. BUSY: something has one open to write;
 * CONFLICT: the machine is not what @vm says, look at it again. @host: lent. */
LullOffline *lull_offline_new(LullHost *host, LullDomain *domain, const LullVm *vm,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The cut: the machine is still off, and what its images are like is written into the description of the
 * attempt. From here on a copy that is not there can be made again. */
gboolean lull_offline_cut(LullOffline *self, LullDomain *domain, const char *folder, GError **error);

/* Of an attempt whose copying was interrupted by the end of this process. BUSY: something has an image open;
 * CONFLICT: an image was written to since, or nothing would tell. */
LullOffline *lull_offline_again(LullJson *attempt, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lull_offline_is(LullJson *attempt);

/* Copies into <folder>/<volume>.qcow2, which are there: by reference where the file system can and the image
 * stands for itself, else by reading what is not zero. TRUE: whole, and as it was at the cut. */
gboolean lull_offline_copy(LullOffline *self, const char *folder, LullImageProgress progress,
                           gpointer user_data, GCancellable *cancel, GError **error);

/* The same; work: the LullOffline. More than some at a time would only take the disks from each other, and
 * from machines that run. */
extern const LullCopyKind lull_copy_kind_offline;

void lull_offline_free(LullOffline *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullOffline, lull_offline_free)

G_END_DECLS
