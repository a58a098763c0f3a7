/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work-decide.h"

G_BEGIN_DECLS

/* The next step of a restore in place (restore-swap.h). Pure and total.
 *
 * All new data are there, all volumes are held, and all claims that are to be made were tried, before the
 * first claim goes. From then on until the machine is written there is a way forward, which needs the new
 * volumes only, and a way back, which needs the old ones only: both are held. A class that waits for the
 * first consumer gives nobody a volume before: there the snapshots are the new data, and claims are replaced
 * one by one. */

/* As far as the machine may be written: DONE. */
LullRestoreWorkStep lull_restore_swap_decide(const LullRestoreLook *look);

/* The machine is written: volumes are let go. That of a claim that waits for the machine's start is kept. */
LullRestoreWorkStep lull_restore_swap_decide_end(const LullRestoreLook *look);

/* It is given up (restore-swap-back.c). Where the machine is written it is brought to its end, else all
 * claims get the data again that they had. @hopeless: nothing can be made there any more: what is held is let
 * go. */
LullRestoreWorkStep lull_restore_swap_decide_drop(const LullRestoreLook *look, gboolean hopeless);

G_END_DECLS
