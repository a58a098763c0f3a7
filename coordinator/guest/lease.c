/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/lease.h"

#include "protocol/clock.h"
#include "protocol/names.h"

gint64
lull_lease_next(gint64 lease_usec, gint64 until, gint64 now)
{
    const gint64 next = MIN(lease_usec, until - now);

    return next >= LULL_MSEC(LULL_LEASE_MIN_MS) ? next : 0;
}
