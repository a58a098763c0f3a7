/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>

/* Without GLib, for the freezer too. Others include clock.h. */

/* Microseconds since boot, suspended time included. Never fails; safe in any thread. */
int64_t lull_clock_boottime(void);
