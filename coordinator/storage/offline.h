/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/guest/link.h"
#include "coordinator/guest/vm.h"

G_BEGIN_DECLS

/* Copies of machines that are off. Their images are held under QEMU's own lock meanwhile, as a reader holds
 * it that suffers no writer: whoever starts the machine before the copy is done is told that the image is in
 * use, and has to try again. */
typedef struct _LullOffline LullOffline;

/* Locks the images of the volumes of @vm that are not excluded. BUSY: something has one open to write, or the
 * machine runs; INVALID: it has a saved state, so that its disks are those of a machine in the midst of work.
 * @host: lent. */
LullOffline *lull_offline_new(LullHost *host, LullDomain *domain, const LullVm *vm,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Copies into <folder>/<volume>.qcow2, which are there and empty: by reference where the file system can and
 * the image stands for itself, else by reading. Whole, and taken while the machine was off, when it returns
 * TRUE. */
gboolean lull_offline_copy(LullOffline *self, LullDomain *domain, const char *folder, GCancellable *cancel,
                           GError **error);

void lull_offline_free(LullOffline *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullOffline, lull_offline_free)

G_END_DECLS
