/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/quiesce/operation.h"

G_BEGIN_DECLS

/* What must outlive this process while a freeze is under way, in the state folder (tmpfs):
 *   operation.json  whose freeze of what, in which boot; written before the first FIFREEZE
 *   frozen          the freezer's: a byte for each mount of the record, '0' nothing of ours is frozen there,
 *                   '1' FIFREEZE is under way, '2' frozen. Locked (flock) by the freezer while it lives;
 *                   who does not have the lock writes nothing */

#define LULL_RECORD_NAME "operation.json"

gboolean
lull_record_write(const char *folder, const LullOperation *operation, const char *boot_id, GError **error);
void lull_record_remove(const char *folder);

/* The marker as it is: what an earlier freezer wrote there stays until the next one has the lock. -1 with
 * @error. */
int lull_record_open_marker(const char *folder, GError **error);

G_END_DECLS
