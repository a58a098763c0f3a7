/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/backup-private.h"

G_BEGIN_DECLS

/* LullStorageOps.verify. */
gboolean lull_backup_verify(LullStorage *storage, const char *content_uid, GCancellable *cancel,
                            LullJson **ret_result, GError **error);

G_END_DECLS
