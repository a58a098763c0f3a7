/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* What of a machine a snapshot leaves out, told on standard error before anything is made. @exclude (may be
 * NULL): names that the user leaves out; each must be one of @vm's volumes, since a typing error would make a
 * snapshot of too much. Where data would be missed that he did not leave out himself, he is asked, unless
 * @partial says that he knows. FALSE: there is to be no snapshot. */
gboolean lull_left_out_check(LullJson *vm, const char *const *exclude, gboolean partial, GError **error);

G_END_DECLS
