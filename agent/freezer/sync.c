/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/sync.h"

void
lull_sync_init(LullSync *self, LullHold *hold, void (*sync)(void *context, uint32_t index), void *context)
{
    *self = (LullSync){.hold = hold, .sync = sync, .context = context};
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->changed, NULL);
}

/* A mount of the level that is being synced; false: none is left of it. */
static bool
take(LullSync *self, uint32_t *ret_index)
{
    while (self->next < self->hold->n_mounts) {
        const uint32_t index = self->next++;

        if (self->hold->mounts[index].level == self->level) {
            *ret_index = index;
            return true;
        }
    }
    return false;
}

static void
sync_one(LullSync *self, uint32_t index)
{
    self->n_running++;
    (void)pthread_mutex_unlock(&self->lock);
    self->sync(self->context, index);
    (void)pthread_mutex_lock(&self->lock);
    self->n_running--;
}

void
lull_sync_run(LullSync *self)
{
    uint32_t index;

    (void)pthread_mutex_lock(&self->lock);
    while (self->level != UINT32_MAX) {
        if (take(self, &index)) {
            sync_one(self, index);
        } else if (self->n_running > 0) {
            (void)pthread_cond_wait(&self->changed, &self->lock);
        } else {
            self->level = lull_hold_level_after(self->hold, self->level);
            self->next = 0;
            (void)pthread_cond_broadcast(&self->changed);
        }
    }
    (void)pthread_mutex_unlock(&self->lock);
}
