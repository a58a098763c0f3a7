/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <time.h>

G_BEGIN_DECLS

/* Condition variables on the monotonic clock. pthread's own instead of GLib's, because thread sanitizers
 * understand them. */

static inline void
lull_wait_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* FALSE: it is @until (g_get_monotonic_time). */
static inline gboolean
lull_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, gint64 until)
{
    const struct timespec time = {until / G_USEC_PER_SEC, (until % G_USEC_PER_SEC) * 1000};

    return pthread_cond_timedwait(cond, mutex, &time) != ETIMEDOUT;
}

G_END_DECLS
