/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/backoff.h"

gint64
lull_backoff_delay(const LullBackoff *self, guint failures, double random)
{
    gint64 delay = self->first;

    if (failures == 0)
        return 0;
    for (guint i = 1; i < failures && delay < self->cap; i++)
        delay *= 2;
    delay = MIN(delay, self->cap);
    return delay - (gint64)((double)delay * self->jitter * random);
}
