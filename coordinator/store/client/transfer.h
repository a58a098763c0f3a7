/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <curl/curl.h>

#include "coordinator/store/client/client.h"

G_BEGIN_DECLS

/* What unary calls and watches have in common; private to the client. */

struct _LullClient {
    char *socket_path;
    CURL *easy; /* used again and again, so that connections are */
    long call_ms;
};

/* What a request sends and how long it may take. */
typedef struct {
    const char *method;
    const char *path;
    const char *content_type; /* of the body */
    LullJson *body;           /* lent; NULL: none */
    long timeout_ms;          /* 0: none */
} LullTransfer;

/* To be freed with curl_slist_free_all() after the transfer. */
struct curl_slist *lull_transfer_headers(const LullTransfer *request);

/* Sets everything but where the answer goes. */
void lull_transfer_begin(LullClient *self, const LullTransfer *request, struct curl_slist *headers);

/* Says in our words what became of the last transfer. */
void lull_transfer_set_error(LullClient *self, CURLcode code, const LullTransfer *request, GError **error);

G_END_DECLS
