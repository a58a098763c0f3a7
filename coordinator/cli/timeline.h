/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/cli/report-read.h"

G_BEGIN_DECLS

/* Draws a freeze to scale, one row a step, ASCII only; time runs from the freeze request to the last thaw:
 *
 *   prepare   12.1 ms  before anything was blocked
 *             0                                               26.9 ms
 *   freeze     3.2 ms |#####
 *   frozen    21.8 ms |     =====================================
 *   cut       18.0 ms |                                ^            | rootdisk
 *   thaw       1.9 ms |                                         ####|
 *   window    26.0 ms  measured on the guest's clock
 *
 * Pure: any report gives a drawing; NULL where nothing was frozen or no time is known. */
char *lull_timeline_draw(const LullReport *report, const char *indent) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
