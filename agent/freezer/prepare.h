/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#include "agent/freezer/hold.h"

/* What the freezer has open. Arrays as long as the plan, -1 where there is nothing. */
typedef struct {
    int *mounts;
    int *counters;
} LullPrepared;

/* Opens every mount point and counter of the plan and checks each mount against the device planned. One
 * that fails is FAILED in the table and no failure of the whole. False: out of memory. */
bool lull_prepare_open(LullHold *hold, LullPrepared *ret_prepared);

/* Writes back what is dirty on one of them, so that FIFREEZE finds little to do. As long as it takes. */
void lull_prepare_sync(LullHold *hold, const LullPrepared *prepared, uint32_t index);
