/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "agent/freezer/hold.h"

/* A kernel that is played: every point at which another thread or process can strike is a call of it, so all
 * interleavings of one stroke can be enumerated. */

#define N     4
#define LEASE 1000

typedef struct {
    LullHold *hold;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t clock;
    bool frozen[N];
    bool foreign[N]; /* frozen by somebody else before us */
    int refuses[N];  /* errno of FIFREEZE, or 0 */
    int hangs;       /* FIFREEZE of this one waits; -1: none */
    bool is_hanging;
    int thaws[N];     /* successful ones */
    int thaw_refused; /* so many FITHAW fail */
    LullHoldMark marks[N];
    int unmarked;      /* FIFREEZE of a mount that was not marked before */
    int foreign_thaws; /* FITHAW of what is somebody else's */
    int order[2 * N];  /* +1+i frozen, -1-i thawed */
    int n_order;
    int armed_when_frozen; /* freezes issued before armed() was called */
    bool armed;

    int settled_at; /* n_order when the stroke had left an ended hold with nothing live; -1: it had not */
    int strike_at;  /* which point, counted from 1; 0: none */
    int point;
    void (*strike)(void *kernel);
} Kernel;

Kernel *kernel_new(void);
void kernel_free(Kernel *kernel);

/* The freezing thread's, with points, and the other side's: the same kernel without any. */
extern const LullHoldOps ops;
extern const LullHoldOps other_ops;

/* What they are made of. */
int64_t fake_now(void *context);
int freeze_now(Kernel *kernel, uint32_t i);
int other_thaw(void *context, uint32_t i);
void other_mark(void *context, uint32_t i, LullHoldMark mark);

void set_clock(Kernel *kernel, int64_t now);
void watcher_turn(Kernel *kernel);
void freeze_and_thaw(Kernel *kernel);
LullMountState state(Kernel *kernel, int i);
void assert_all_released_once(Kernel *kernel);
