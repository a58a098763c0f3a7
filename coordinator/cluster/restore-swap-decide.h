/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work-decide.h"

G_BEGIN_DECLS

/* The next step of a restore in place (restore-swap.h). Pure and total.
 *
 * All new data are there, and all volumes are held, before the first claim goes; from then on there is only
 * forward, for the deletion of a claim cannot be taken back. So at any point the old data are whole, on
 * volumes that are held, and from that point on the new ones, too. A class that waits for the first consumer
 * gives nobody a volume before: there the snapshots are the new data, and claims are replaced one by one. */

/* As far as the machine may be written: DONE. */
LullRestoreWorkStep lull_restore_swap_decide(const LullRestoreLook *look);

/* The machine is written: volumes are let go. That of a claim that waits for the machine's start is kept. */
LullRestoreWorkStep lull_restore_swap_decide_end(const LullRestoreLook *look);

/* It is given up. Taken back, while no claim has gone; else brought to its end, with the machine where that
 * is there and ours. @hopeless: nothing can be made there any more: what is held is let go. */
LullRestoreWorkStep lull_restore_swap_decide_drop(const LullRestoreLook *look, gboolean hopeless);

/* Has a claim gone that is replaced, or is it about to? */
gboolean lull_restore_swap_has_begun(const LullRestoreLook *look);

G_END_DECLS
