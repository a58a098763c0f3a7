/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/serve/exchange.h"

G_BEGIN_DECLS

/* Get, list, create, update, patch and delete; answers the exchange in any case. A watch is not for here. */
void lull_resource_handle(const LullExchange *exchange);

G_END_DECLS
