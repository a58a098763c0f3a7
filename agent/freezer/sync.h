/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "agent/freezer/hold.h"

/* Syncs the file systems of a plan on as many threads as take part, in the order in which they are frozen:
 * those of one level at the same time, since most of it is waiting for a disk, and level after level, since
 * what one writes back is dirty in what it stands on. Before anything is frozen: there are locks here. */
typedef struct {
    LullHold *hold;
    void (*sync)(void *context, uint32_t index); /* one mount, as long as it takes */
    void *context;

    pthread_mutex_t lock; /* for the rest */
    pthread_cond_t changed;
    uint32_t level;     /* UINT32_MAX: all are synced */
    uint32_t next;      /* the first mount that nobody has looked at for this level */
    uint32_t n_running; /* of this level */
} LullSync;

void
lull_sync_init(LullSync *self, LullHold *hold, void (*sync)(void *context, uint32_t index), void *context);

/* Any number of threads. Takes mounts until none is left; comes back when all of them are synced, by
 * whichever thread. */
void lull_sync_run(LullSync *self);
