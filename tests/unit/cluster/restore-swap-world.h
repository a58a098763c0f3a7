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

gboolean swap_run(GError **error);
gboolean swap_drop(GError **error);
void swap_give_up(guint at); /* until it is dropped */

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
