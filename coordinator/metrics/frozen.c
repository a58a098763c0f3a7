/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/metrics/frozen.h"

#include <stdatomic.h>

#define PLACES 512

struct _LullFrozenPlace {
    atomic_bool taken;
    atomic_llong since; /* boot clock; 0: not frozen */
};

struct _LullFrozen {
    LullFrozenPlace places[PLACES];
};

LullFrozen *
lull_frozen_new(void)
{
    return g_new0(LullFrozen, 1);
}

void
lull_frozen_free(LullFrozen *self)
{
    g_free(self);
}

LullFrozenPlace *
lull_frozen_take(LullFrozen *self)
{
    for (guint i = 0; self && i < PLACES; i++)
        if (!atomic_exchange(&self->places[i].taken, TRUE))
            return &self->places[i];
    return NULL;
}

void
lull_frozen_give_back(LullFrozenPlace *place)
{
    lull_frozen_end(place);
    if (place)
        atomic_store(&place->taken, FALSE);
}

void
lull_frozen_begin(LullFrozenPlace *place, gint64 now)
{
    if (place)
        atomic_store(&place->since, now);
}

void
lull_frozen_end(LullFrozenPlace *place)
{
    if (place)
        atomic_store(&place->since, 0);
}

guint
lull_frozen_count(const LullFrozen *self, gint64 now, gint64 *ret_oldest)
{
    guint n = 0;

    *ret_oldest = 0;
    for (guint i = 0; i < PLACES; i++) {
        const gint64 since = atomic_load(&self->places[i].since);

        if (!since)
            continue;
        n++;
        *ret_oldest = MAX(*ret_oldest, now - since);
    }
    return n;
}
