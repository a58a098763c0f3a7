/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether a request is sent once more, and when. Repeated is only what cannot have happened, or what may
 * happen twice. */

typedef enum {
    LULL_TRY_UNKNOWN = 0, /* sent, and no whole answer: it may have happened */
    LULL_TRY_UNSENT,      /* there was no connection: it has not */
    LULL_TRY_UNTRUSTED,   /* it has not: one side has no good certificate for the other */
    LULL_TRY_ANSWERED     /* with an HTTP code */
} LullTryEnd;

typedef struct {
    LullTryEnd end;
    long http;           /* ANSWERED */
    gint64 retry_after;  /* as the server said; 0: it did not */
    gboolean repeatable; /* the request may happen twice */
    guint tries;         /* so far, at least 1 */
    gboolean renewed;    /* credentials were read again for it before */
    gint64 now;
    gint64 begun;
    gint64 deadline; /* when the caller wants to know */
    guint random;
} LullRetryView;

typedef enum {
    LULL_RETRY_NO = 0,
    LULL_RETRY_WAIT, /* as long as it says, then again */
    LULL_RETRY_RENEW /* as soon as the credentials are read again */
} LullRetryVerb;

LullRetryVerb lull_retry_decide(const LullRetryView *view, gint64 *ret_wait);

/* A Retry-After header's value: seconds, or a date to be compared with @now (wall clock). 0: nonsense, or
 * past. At most an hour. */
gint64 lull_retry_after_parse(const char *value, gint64 now);

G_END_DECLS
