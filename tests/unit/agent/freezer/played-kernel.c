/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/agent/freezer/played-kernel.h"

#include <check.h>
#include <errno.h>
#include <glib.h>

static void
pass_point(Kernel *kernel)
{
    if (++kernel->point != kernel->strike_at)
        return;
    kernel->strike(kernel);
    if (lull_hold_phase(kernel->hold) == LULL_HOLD_ENDED && lull_hold_settled(kernel->hold))
        kernel->settled_at = kernel->n_order;
}

int64_t
fake_now(void *context)
{
    Kernel *kernel = context;
    int64_t now;

    pthread_mutex_lock(&kernel->lock);
    now = kernel->clock;
    pthread_mutex_unlock(&kernel->lock);
    return now;
}

/* The freezing thread's: a point like any other. */
static int64_t
worker_now(void *context)
{
    pass_point(context);
    return fake_now(context);
}

void
set_clock(Kernel *kernel, int64_t now)
{
    pthread_mutex_lock(&kernel->lock);
    kernel->clock = now;
    pthread_mutex_unlock(&kernel->lock);
}

int
freeze_now(Kernel *kernel, uint32_t i)
{
    int error = 0;

    pthread_mutex_lock(&kernel->lock);
    kernel->unmarked += kernel->marks[i] == LULL_MARK_FREE;
    kernel->armed_when_frozen += !kernel->armed;
    while (kernel->hangs == (int)i) {
        kernel->is_hanging = true;
        pthread_cond_broadcast(&kernel->changed);
        pthread_cond_wait(&kernel->changed, &kernel->lock);
    }
    if (kernel->refuses[i])
        error = kernel->refuses[i];
    else if (kernel->frozen[i] || kernel->foreign[i])
        error = EBUSY;
    else
        kernel->frozen[i] = true;
    if (!error && kernel->n_order < 2 * N)
        kernel->order[kernel->n_order++] = 1 + (int)i;
    pthread_mutex_unlock(&kernel->lock);
    return error;
}

static int
fake_freeze(void *context, uint32_t i)
{
    int error;

    pass_point(context);
    error = freeze_now(context, i);
    pass_point(context);
    return error;
}

static int
thaw_now(Kernel *kernel, uint32_t i)
{
    int error = 0;

    pthread_mutex_lock(&kernel->lock);
    kernel->foreign_thaws += kernel->foreign[i];
    if (kernel->thaw_refused > 0) {
        kernel->thaw_refused--;
        pthread_mutex_unlock(&kernel->lock);
        return EIO;
    }
    if (!kernel->frozen[i])
        error = EINVAL;
    kernel->frozen[i] = false;
    kernel->thaws[i] += !error;
    if (!error && kernel->n_order < 2 * N)
        kernel->order[kernel->n_order++] = -1 - (int)i;
    pthread_mutex_unlock(&kernel->lock);
    return error;
}

static int
fake_thaw(void *context, uint32_t i)
{
    int error;

    pass_point(context);
    error = thaw_now(context, i);
    pass_point(context);
    return error;
}

static int64_t
fake_writes(void *context, uint32_t i)
{
    pass_point(context);
    return 100 + (int64_t)i;
}

static void
fake_armed(void *context)
{
    Kernel *kernel = context;

    pass_point(kernel);
    kernel->armed = true;
    pass_point(kernel);
}

static void
fake_mark(void *context, uint32_t i, LullHoldMark mark)
{
    Kernel *kernel = context;

    pass_point(kernel);
    pthread_mutex_lock(&kernel->lock);
    kernel->marks[i] = mark;
    pthread_mutex_unlock(&kernel->lock);
    pass_point(kernel);
}

const LullHoldOps ops = {
    .now = worker_now,
    .freeze = fake_freeze,
    .thaw = fake_thaw,
    .writes = fake_writes,
    .armed = fake_armed,
    .mark = fake_mark,
};

static int
other_freeze(void *context, uint32_t i)
{
    return EPERM;
}

int
other_thaw(void *context, uint32_t i)
{
    return thaw_now(context, i);
}

void
other_mark(void *context, uint32_t i, LullHoldMark mark)
{
    Kernel *kernel = context;

    pthread_mutex_lock(&kernel->lock);
    kernel->marks[i] = mark;
    pthread_mutex_unlock(&kernel->lock);
}

const LullHoldOps other_ops = {
    .now = fake_now,
    .freeze = other_freeze,
    .thaw = other_thaw,
    .mark = other_mark,
};

Kernel *
kernel_new(void)
{
    Kernel *kernel = g_new0(Kernel, 1);

    kernel->hold = g_malloc0(sizeof(LullHold) + N * sizeof(LullHoldMount));
    kernel->hold->n_mounts = N;
    kernel->clock = 5000;
    kernel->hangs = kernel->settled_at = -1;
    atomic_store(&kernel->hold->lease_usec, LEASE);
    atomic_store(&kernel->hold->within_usec, LEASE / 2);
    pthread_mutex_init(&kernel->lock, NULL);
    pthread_cond_init(&kernel->changed, NULL);
    return kernel;
}

void
kernel_free(Kernel *kernel)
{
    pthread_mutex_destroy(&kernel->lock);
    pthread_cond_destroy(&kernel->changed);
    g_free(kernel->hold);
    g_free(kernel);
}

LullMountState
state(Kernel *kernel, int i)
{
    return (LullMountState)atomic_load(&kernel->hold->mounts[i].state);
}

void
assert_all_released_once(Kernel *kernel)
{
    ck_assert(lull_hold_settled(kernel->hold));
    ck_assert_int_eq(lull_hold_phase(kernel->hold), LULL_HOLD_ENDED);
    ck_assert_int_eq(kernel->foreign_thaws, 0);
    for (int i = 0; i < N; i++) {
        ck_assert(!kernel->frozen[i]);
        ck_assert_int_le(kernel->thaws[i], 1);
        ck_assert_int_eq(kernel->marks[i], LULL_MARK_FREE);
    }
}

void
watcher_turn(Kernel *kernel)
{
    if (lull_hold_watch(kernel->hold, fake_now(kernel)))
        lull_hold_release(kernel->hold, LULL_HOLD_SIDE_FREEZER, false, &other_ops, kernel);
}

void
freeze_and_thaw(Kernel *kernel)
{
    lull_hold_freeze(kernel->hold, &ops, kernel);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, fake_now(kernel));
    lull_hold_verify(kernel->hold, &ops, kernel);
    watcher_turn(kernel);
}
