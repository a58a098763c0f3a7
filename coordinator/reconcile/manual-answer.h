/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"

G_BEGIN_DECLS

/* What a freeze by hand answers, from the facts of its hold. Pure. */

/* To the freeze: {agent, frozen: [mountpoint], freezeMs}. */
LullJson *lull_manual_answer_frozen(const LullGuestHoldFacts *hold) G_GNUC_WARN_UNUSED_RESULT;

/* To the thaw: {level, proof, proofBy, proofReason, witness, windowMs?}. What may be claimed is what
 * an attempt might claim whose cuts fell between the two: where they really fell is the caller's affair. */
LullJson *lull_manual_answer_thawed(const LullVm *vm, const LullGuestHoldFacts *hold,
                                    LullWitnessVerdict witness) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
