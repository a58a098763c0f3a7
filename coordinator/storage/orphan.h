/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"
#include "coordinator/storage/backup-private.h"

G_BEGIN_DECLS

/* Backup jobs of ours that nobody needs any more, as where the answer to their start was lost, or libvirt was
 * away when they were to be ended. Each would be in the way of all that come after. */

/* Whether the job into folder @name is one, when attempt @number of @content_uid is about to begin its own.
 * @attempt: the description that is there; NULL: the folder is gone. Pure. */
gboolean lull_orphan_is(const char *name, LullJson *attempt, const char *content_uid, guint number);

/* Ends such a job of @domain, if there is one. One that is still copied, or just ended, is left. */
gboolean lull_orphan_end(LullBackupStorage *self, LullDomain *domain, const char *content_uid, guint number,
                         GError **error);

G_END_DECLS
