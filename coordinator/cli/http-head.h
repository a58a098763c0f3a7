/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The head of a request on its way through the proxy. Whatever two parsers might read differently is refused,
 * so that what is passed on means one request and no more. */

#define LULL_HTTP_MAX_HEAD (32 * 1024)

typedef struct {
    char *head;       /* to be sent on, ends in an empty line; asks for the connection to be closed */
    guint64 body;     /* bytes that follow */
    gboolean chunked; /* they follow in chunks, and @head lacks their length */
} LullHttpHead;

/* @text: the head without its empty line. @prefix: "/SECRET", which the target must begin with and loses.
 * NOT_FOUND: it does not; INVALID: not understood, or not one that is passed on. */
gboolean lull_http_head_translate(const char *text, gsize length, const char *prefix, LullHttpHead *ret_head,
                                  GError **error);
void lull_http_head_clear(LullHttpHead *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullHttpHead, lull_http_head_clear)

G_END_DECLS
