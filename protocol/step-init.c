/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/step-init.h"

#include "protocol/error.h"

gboolean
lull_steps_init(GError **error)
{
    const char *wish = g_getenv(LULL_STEP_VARIABLE);

    if (lull_step_arm(wish))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                LULL_STEP_VARIABLE ": \"%s\" is not STEP=kill or STEP=stop with a known step", wish);
    return FALSE;
}
