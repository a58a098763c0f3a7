/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What is known of one freeze after its end, as both sides name it on the wire and in reports. */
typedef enum {
    LULL_PROOF_NONE = 0, /* nothing was frozen */
    LULL_PROOF_BROKEN,   /* something may have been written meanwhile */
    LULL_PROOF_HELD,     /* unbroken until after the last cut */
    LULL_PROOF_N
} LullProof;

const char *lull_proof_to_string(LullProof proof); /* "held"; "none" out of range */

G_END_DECLS
