/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/retry.h"

#include "coordinator/store/kube/http-date.h"

#include <string.h>

#include "protocol/clock.h"

#define FIRST_WAIT    LULL_MSEC(50)
#define MAX_WAIT      LULL_SEC(2)
#define MAX_TRIES     10
#define CONNECT_FOR   LULL_SEC(5) /* nobody waits longer for a server that is not there */
#define MAX_AFTER     3600
#define MAX_DOUBLINGS 10

static gint64
backoff(const LullRetryView *view)
{
    const gint64 base = MIN(FIRST_WAIT << MIN(view->tries - 1, MAX_DOUBLINGS), MAX_WAIT);

    return base + base * (view->random % 1024) / 1024;
}

static gboolean
may_repeat(const LullRetryView *view)
{
    switch (view->end) {
    case LULL_TRY_UNSENT:
        return view->now - view->begun < CONNECT_FOR;
    case LULL_TRY_UNKNOWN:
        return view->repeatable;
    case LULL_TRY_UNTRUSTED:
        return FALSE;
    case LULL_TRY_ANSWERED:
        break;
    }
    /* refused for load before anything was done; or broken half-way, perhaps after it was */
    return view->http == 429 || (view->repeatable && (view->http == 500 || view->http == 502 ||
                                                      view->http == 503 || view->http == 504));
}

LullRetryVerb
lull_retry_decide(const LullRetryView *view, gint64 *ret_wait)
{
    const gint64 wait = MAX(backoff(view), view->end == LULL_TRY_ANSWERED ? view->retry_after : 0);

    if (view->end == LULL_TRY_UNTRUSTED || (view->end == LULL_TRY_ANSWERED && view->http == 401))
        return view->renewed ? LULL_RETRY_NO : LULL_RETRY_RENEW;
    if (!may_repeat(view) || view->tries >= MAX_TRIES || view->now + wait >= view->deadline)
        return LULL_RETRY_NO;
    *ret_wait = wait;
    return LULL_RETRY_WAIT;
}

gint64
lull_retry_after_parse(const char *value, gint64 now)
{
    char *end = NULL;
    const guint64 seconds = g_ascii_isdigit(*value) ? g_ascii_strtoull(value, &end, 10) : 0;
    gint64 date;

    if (end)
        return *end == '\0' ? LULL_SEC((gint64)MIN(seconds, MAX_AFTER)) : 0;
    return lull_http_date_parse(value, &date) ? CLAMP(date - now, 0, LULL_SEC(MAX_AFTER)) : 0;
}
