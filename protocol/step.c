/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/step.h"

#include <signal.h>
#include <string.h>

#include "protocol/error.h"

static const char *const names[] = {
#define LULL_STEP_NAME(id, name) name,
    LULL_STEPS(LULL_STEP_NAME)
#undef LULL_STEP_NAME
};
G_STATIC_ASSERT(G_N_ELEMENTS(names) == LULL_STEP_N);

static gint armed_step = -1;
static int armed_signal;

gboolean
lull_steps_init(GError **error)
{
    const char *wish = g_getenv("LULL_AT_STEP");
    g_auto(GStrv) parts = NULL;

    if (!wish || !*wish)
        return TRUE;
    parts = g_strsplit(wish, "=", 2);
    for (int i = 0; parts[0] && parts[1] && i < LULL_STEP_N; i++) {
        if (!g_str_equal(parts[0], names[i]))
            continue;
        if (g_str_equal(parts[1], "kill"))
            armed_signal = SIGKILL;
        else if (g_str_equal(parts[1], "stop"))
            armed_signal = SIGSTOP;
        else
            break;
        g_atomic_int_set(&armed_step, i);
        return TRUE;
    }
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "LULL_AT_STEP: \"%s\" is not STEP=kill or STEP=stop with a known step", wish);
    return FALSE;
}

void
lull_step(LullStep step)
{
    if (G_LIKELY(g_atomic_int_get(&armed_step) != (gint)step))
        return;
    g_atomic_int_set(&armed_step, -1);
    /* To this thread: one to the process may be another thread's to take, and this one goes on meanwhile. */
    (void)raise(armed_signal);
}
