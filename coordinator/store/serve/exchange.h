/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <libsoup/soup.h>

#include "coordinator/store/serve/admission.h"
#include "coordinator/store/serve/present.h"
#include "coordinator/store/serve/route.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* One request while it is answered. Lent to the functions that answer it. */
typedef struct {
    LullStore *store;
    SoupServerMessage *message;
    const LullRoute *route;
    GHashTable *query; /* may be NULL */
    LullAccept form;
    LullInclude include;
    const LullAdmission *admission; /* of the route's kind; NULL: none */
} LullExchange;

#define LULL_EXCHANGE_MAX_BODY (1024 * 1024)

const char *lull_exchange_query(const LullExchange *self, const char *key); /* NULL: absent or empty */

/* Unsigned number; FALSE (answered with 400) where it is none. Absent: @fallback. */
gboolean
lull_exchange_query_uint(const LullExchange *self, const char *key, guint fallback, guint *ret_value);

gboolean lull_exchange_query_bool(const LullExchange *self, const char *key); /* "true" or "1" */

const char *lull_exchange_content_type(const LullExchange *self); /* without parameters; "" never NULL */

/* The body, a JSON object or, where @list, an array. NULL: answered already. */
LullJson *lull_exchange_body(const LullExchange *self, gboolean list) G_GNUC_WARN_UNUSED_RESULT;

/* The same, of type application/json. NULL: answered already (415, 400) and @ret_ok FALSE; or, where
 * @optional, there is none. */
LullJson *lull_exchange_json_body(const LullExchange *self, gboolean optional,
                                  gboolean *ret_ok) G_GNUC_WARN_UNUSED_RESULT;

void lull_exchange_send(const LullExchange *self, guint code, LullJson *body);
void lull_exchange_fail(const LullExchange *self, int code, const char *reason, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
void lull_exchange_fail_type(const LullExchange *self, const char *accepted); /* 415 */
void lull_exchange_fail_error(const LullExchange *self, const GError *error);

/* The same for a query that the store did not understand: 400, not 422. */
void lull_exchange_fail_query(const LullExchange *self, const GError *error);

/* 422 with @causes as lull_kind_check() gives them. */
void lull_exchange_fail_causes(const LullExchange *self, const char *name, LullJson *causes);

/* How this client is to be shown objects; lent. */
LullPresent lull_exchange_form(const LullExchange *self);

/* Sends an object of the route's kind, as the client wants it. */
void lull_exchange_send_object(const LullExchange *self, guint code, LullJson *object);

/* For answers beyond an exchange. */
void lull_message_send(SoupServerMessage *message, guint code, LullJson *body);

G_END_DECLS
