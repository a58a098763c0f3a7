/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/serve/exchange.h"

G_BEGIN_DECLS

/* Requests that change an object of the route's kind, or its status; each is answered in any case. With
 * dryRun=All everything is done but the change. */
void lull_write_create(const LullExchange *exchange);
void lull_write_update(const LullExchange *exchange);
void lull_write_patch(const LullExchange *exchange);
void lull_write_delete(const LullExchange *exchange);

G_END_DECLS
