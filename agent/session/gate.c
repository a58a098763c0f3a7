/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/session/gate.h"

gboolean
lull_gate_allows(const LullCommandSpec *spec, gboolean frozen)
{
    return !frozen || spec->while_frozen;
}

char *
lull_gate_refusal(const LullCommandSpec *spec, const char *details)
{
    return g_strdup_printf("The command %s has been disabled: the agent is in frozen state (%s)", spec->name,
                           details);
}
