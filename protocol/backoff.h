/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Capped exponential back-off with jitter, a pure value: the n-th failure in a row waits
 * @first * 2^(n-1), at most @cap, times a random factor in [1 - jitter, 1]. Microseconds. */
typedef struct {
    gint64 first;
    gint64 cap;
    double jitter; /* 0 to 1 */
} LullBackoff;

/* How long to wait after @failures failures in a row (0 failures: 0). @random in [0, 1) is the
 * caller's, so that tests own it. */
gint64 lull_backoff_delay(const LullBackoff *self, guint failures, double random);

G_END_DECLS
