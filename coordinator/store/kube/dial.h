/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <curl/curl.h>

#include "coordinator/store/kube/credentials.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* One HTTP exchange with an API server over libcurl: what is the same whether somebody waits for it or a loop
 * drives it. HTTP/1.1 throughout: each watch has a connection of its own, so that none stands still because
 * another is not read, and what is urgent never shares one with what is large. Redirects are not followed. */
typedef struct {
    CURL *easy; /* used again and again, so that connections are */
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    LullCredential *credential; /* kept while the handle may connect */
    char *url;
    const char *body; /* of the request, what is left of it */
    gsize header_bytes;
    gint64 retry_after; /* of the answer, 0: it does not say */
    gint64 asked;       /* wall clock */
    gint64 date;        /* of the answer, by the clock of who gave it; 0: it does not say */
    gint64 answered;    /* wall clock: when that came */
} LullDial;

typedef struct {
    const char *method;
    const char *path;
    const char *content_type; /* of the body, which is lent until the exchange is over */
    const char *body;         /* NULL: none */
    gboolean once;            /* never to be sent twice, not even where a kept connection turns out dead */
    gint64 timeout;           /* 0: none, for watches */
    const char *agent;        /* who asks, for audit logs; NULL: the coordinator */
} LullDialRequest;

void lull_dial_init(LullDial *self);
void lull_dial_clear(LullDial *self);

/* Sets everything but where the answer's body goes. Takes @credential. */
void lull_dial_begin(LullDial *self, const LullKubeConfig *config, LullCredential *take_credential,
                     const LullDialRequest *request);

long lull_dial_code(const LullDial *self); /* of the answer; 0: there is none yet */

/* The end of an exchange that did not go well, in our words. */
GError *lull_dial_error(const LullDial *self, const LullKubeConfig *config, CURLcode code);
gboolean lull_dial_was_sent(const LullDial *self);
gboolean lull_dial_is_untrusted(CURLcode code); /* it is the certificates */

/* A libcurl write function for a body of at most @max bytes. */
typedef struct {
    GString *text;
    gsize max;
} LullDialBody;
void lull_dial_keep_body(LullDial *self, LullDialBody *body);

G_END_DECLS
