/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/phase.h"

static const char *const names[] = {
    [LULL_PHASE_IDLE] = "idle",         [LULL_PHASE_PREPARING] = "preparing",
    [LULL_PHASE_PREPARED] = "prepared", [LULL_PHASE_FREEZING] = "freezing",
    [LULL_PHASE_FROZEN] = "frozen",     [LULL_PHASE_THAWING] = "thawing",
    [LULL_PHASE_ABORTING] = "aborting",
};
G_STATIC_ASSERT(G_N_ELEMENTS(names) == LULL_PHASE_N);

const char *
lull_phase_to_string(LullPhase phase)
{
    return (guint)phase < LULL_PHASE_N ? names[phase] : "unknown";
}
