/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Phases of one operation, as both sides name them on the wire, in logs and in reports:
 *
 * IDLE -> PREPARING -> PREPARED -> FREEZING -> FROZEN(epoch) -> THAWING -> IDLE
 *              \          \           \            \ lease end, holder lost, foreign thaw
 *               \__________\___________\__________ -> ABORTING -> IDLE
 */
typedef enum {
    LULL_PHASE_IDLE = 0,
    LULL_PHASE_PREPARING,
    LULL_PHASE_PREPARED,
    LULL_PHASE_FREEZING,
    LULL_PHASE_FROZEN,
    LULL_PHASE_THAWING,
    LULL_PHASE_ABORTING,
    LULL_PHASE_N
} LullPhase;

const char *lull_phase_to_string(LullPhase phase); /* "frozen"; "unknown" out of range */

G_END_DECLS
