/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/quiesce/operation.h"

G_BEGIN_DECLS

/* What must outlive this process while a freeze is under way, in the state folder (tmpfs):
 *   operation.json  whose freeze of what, in which boot; written before the first FIFREEZE
 *   frozen          one byte, the freezer's: '1' while something of ours may be frozen; locked (flock) by
 *                   it while it lives */

gboolean
lull_record_write(const char *folder, const LullOperation *operation, const char *boot_id, GError **error);
void lull_record_remove(const char *folder);

/* The byte's file, set to '0'; -1 with @error. */
int lull_record_open_marker(const char *folder, GError **error);

/* What an earlier process left behind. */
typedef struct {
    char *op; /* NULL: nothing */
    gboolean standard;
    guint n_thawed; /* by us, now: both the agent and its freezer were gone */
} LullRecovery;

void lull_recovery_clear(LullRecovery *self);

/* Thaws what an earlier agent and freezer of this boot froze and cannot thaw any more, within 100 ms, and
 * forgets the record. To be called before anything else. Best effort: what cannot be thawed is logged. */
void lull_recover(const char *folder, const char *boot_id, LullRecovery *ret_recovery);

G_END_DECLS
