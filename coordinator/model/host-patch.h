/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* spec.patches of a restore to a new machine of a plain host, whose definition is no object: they may set an
 * interface's MAC address and the firmware's serial number, nothing else. Pure. */

/* What is wrong with them, by the field's name; NULL: nothing. */
char *lull_host_patches_check(LullJson *patches) G_GNUC_WARN_UNUSED_RESULT;

/* Whether @path is the MAC address of an interface, and of which, counted from 0; else it is the serial
 * number's. */
gboolean lull_host_patch_is_address(const char *path, guint64 *ret_number);

G_END_DECLS
