/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/step.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

static const char *const names[] = {
#define LULL_STEP_NAME(id, name) name,
    LULL_STEPS(LULL_STEP_NAME)
#undef LULL_STEP_NAME
};
_Static_assert(sizeof names / sizeof *names == LULL_STEP_N, "each step has a name");

static _Atomic int armed_step = -1;
static int armed_signal;

static int
signal_of(const char *action)
{
    if (strcmp(action, "kill") == 0)
        return SIGKILL;
    return strcmp(action, "stop") == 0 ? SIGSTOP : 0;
}

bool
lull_step_arm(const char *wish)
{
    const char *end = wish ? strchr(wish, '=') : NULL;
    const int action = end ? signal_of(end + 1) : 0;

    if (!wish || !*wish)
        return true;
    for (int i = 0; action && i < LULL_STEP_N; i++) {
        if (strlen(names[i]) != (size_t)(end - wish) || strncmp(wish, names[i], (size_t)(end - wish)) != 0)
            continue;
        armed_signal = action;
        atomic_store(&armed_step, i);
        return true;
    }
    return false;
}

void
lull_step(LullStep step)
{
    if (atomic_load(&armed_step) != (int)step)
        return;
    atomic_store(&armed_step, -1);
    /* To this thread: one to the process may be another thread's to take, and this one goes on meanwhile. */
    (void)raise(armed_signal);
}
