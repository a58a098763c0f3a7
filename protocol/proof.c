/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/proof.h"

static const char *const names[] = {
    [LULL_PROOF_NONE] = "none",
    [LULL_PROOF_BROKEN] = "broken",
    [LULL_PROOF_HELD] = "held",
};
G_STATIC_ASSERT(G_N_ELEMENTS(names) == LULL_PROOF_N);

const char *
lull_proof_to_string(LullProof proof)
{
    return names[(guint)proof < LULL_PROOF_N ? proof : LULL_PROOF_NONE];
}
