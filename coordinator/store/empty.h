/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* A store in which nothing is and nothing happens, for kinds that clients ask for as a matter of course. */
LullStore *lull_store_empty_new(void) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
