/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* What a network, a licence or an inventory knows a machine by: a copy beside it that says the same of itself
 * disturbs both. Pure. */

/* Takes off @spec, of a machine that is a copy, the MAC addresses and the UUID and serial of the firmware
 * that
 * @captured has, so that it gets others; what a patch has put in their place stays. */
void lull_restore_make_another(LullJson *spec, LullJson *captured);

G_END_DECLS
