/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work-decide.h"

G_BEGIN_DECLS

/* What is so of one volume of a restore in place (restore-swap.h), by what was seen of it just now. Pure and
 * total. */

const char *lull_swap_claim_name(const LullRestoreSight *sight);

/* Of a claim; "": none. */
const char *lull_swap_volume_name(LullJson *claim);

gboolean lull_swap_has_uid(LullJson *object, const char *uid);

/* The claim is the one that is replaced, or one that was made again for the same data. */
gboolean lull_swap_has_old(const LullRestoreLook *look, const LullRestoreSight *sight);

/* It was made by this restore for the data that were there before. */
gboolean lull_swap_is_put_back(const LullRestoreLook *look, LullJson *claim);

/* There is a claim, with neither the old data nor the new, nor is it one of this restore. */
gboolean lull_swap_is_foreign(const LullRestoreLook *look, const LullRestoreSight *sight);

/* It has the mark without which no claim that was there before is removed. */
gboolean lull_swap_is_marked(const LullRestoreLook *look, LullJson *claim);

/* A volume of it is held. */
gboolean lull_swap_is_held(const LullRestoreSight *sight);

/* Whatever becomes of its claim, a volume stays. */
gboolean lull_swap_is_kept(LullJson *volume);

/* A volume is for the claim of the final name: by that, while it is nobody's, or as that one's. */
gboolean lull_swap_is_reserved(const LullRestoreSight *sight, LullJson *volume);

/* The storage's controllers have not seen yet that it is nobody's. */
gboolean lull_swap_is_bound(LullJson *volume);

/* The new data had a claim that somebody could use: more than the cut may be on them. */
gboolean lull_swap_was_exposed(const LullRestoreSight *sight);

/* The machine is there, and locked by this restore. */
gboolean lull_swap_is_ours(const LullRestoreLook *look);

/* How far it is, of all volumes together. */
typedef enum {
    LULL_SWAP_BEFORE = 0, /* all claims are as they were: it can be taken back by letting go */
    LULL_SWAP_BETWEEN,    /* some are: nobody else may have the machine */
    LULL_SWAP_AFTER,      /* all are new, and the machine is written, or old data were let go */
} LullSwapStage;
LullSwapStage lull_swap_stage(const LullRestoreLook *look);

G_END_DECLS
