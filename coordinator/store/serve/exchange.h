/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <libsoup/soup.h>

#include "coordinator/store/serve/route.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* One request while it is answered. Lent to the functions that answer it. */
typedef struct {
    LullStore *store;
    SoupServerMessage *message;
    const LullRoute *route;
    GHashTable *query; /* may be NULL */
} LullExchange;

#define LULL_EXCHANGE_MAX_BODY (1024 * 1024)

const char *lull_exchange_query(const LullExchange *self, const char *key); /* NULL: absent or empty */

/* Unsigned number; FALSE (answered with 400) where it is none. Absent: @fallback. */
gboolean
lull_exchange_query_uint(const LullExchange *self, const char *key, guint fallback, guint *ret_value);

/* The body as JSON. NULL: answered already (415, 400); or, where @optional, there is none. */
LullJson *lull_exchange_body(const LullExchange *self, const char *content_type, gboolean optional,
                             gboolean *ret_ok) G_GNUC_WARN_UNUSED_RESULT;

void lull_exchange_send(const LullExchange *self, guint code, LullJson *body);
void lull_exchange_fail(const LullExchange *self, int code, const char *reason, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
void lull_exchange_fail_error(const LullExchange *self, const GError *error);

/* The same for a query that the store did not understand: 400, not 422. */
void lull_exchange_fail_query(const LullExchange *self, const GError *error);

/* 422 with @causes as lull_kind_check() gives them. */
void lull_exchange_fail_causes(const LullExchange *self, const char *name, LullJson *causes);

/* The object in the version that the path asks for. Changes @object. */
LullJson *lull_exchange_present(const LullExchange *self, LullJson *object);

/* For answers beyond an exchange. */
void lull_message_send(SoupServerMessage *message, guint code, LullJson *body);

G_END_DECLS
