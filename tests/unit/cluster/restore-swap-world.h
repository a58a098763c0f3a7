/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "tests/unit/cluster/restore-swap-store.h"

G_BEGIN_DECLS

/* A restore in place, "back", of the machine "larry" with the volumes "root" and "data" on claims
 * NAME-claim, which have "old-NAME" on them, from the VolumeSnapshots "vs-NAME". */

extern LullJson *restore, *content;

void swap_set_up(void);
void swap_tear_down(void);
void swap_begin_anew(void);

/* R13: the second volume is a DataVolume's: the machine has it as a template's, or it was made beside it. */
void swap_use_data_volume(gboolean is_template);

gboolean swap_run(GError **error);
gboolean swap_drop(GError **error);
/* Until it is dropped; till then nobody else may have the machine, unless all is as it was. */
void swap_give_up(guint at);

/* All claims belong to the machine; it is removed, and what it had is left (--cascade=orphan). */
void swap_own(void);
void swap_orphan(void);
void swap_lose_snapshots(void);

/* What there is. */
guint swap_count(const LullKind *kind);
gboolean swap_has_volume(const char *data);
gboolean swap_is_written(void);
char *swap_data_of(const char *volume) G_GNUC_WARN_UNUSED_RESULT; /* on its claim; NULL: it has none */
gboolean swap_all_have(const char *prefix);

/* At any moment: the old data, until the machine is written; and where a claim has gone, the new ones. @at:
 * the call that it was killed at. */
void swap_check_whole(guint at);

/* No volume is held, no claim marked, nothing else is there. Where the new data are yet to come the old ones
 * are kept. */
void swap_check_clean(guint at);
void swap_check_restored(guint at);

G_END_DECLS
