/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/serve/server.h"

G_BEGIN_DECLS

/* One restore of a machine at a time: a second one, which would overwrite what the first has brought back, is
 * refused while the first has not come to its end. @restores: the items of a list. Pure. Causes as
 * lull_kind_check() gives them; NULL: @restore may be created. */
LullJson *lull_restore_admit(LullJson *restores, LullJson *restore) G_GNUC_WARN_UNUSED_RESULT;

/* Has @server ask that, of what is in @store (borrowed). */
void lull_restore_admit_serve(LullServer *server, LullStore *store);

G_END_DECLS
