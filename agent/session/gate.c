/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/session/gate.h"

#define OURS     "__dev.lull_"
#define STANDARD "guest-fsfreeze-freeze"

static gboolean
names(char **list, const char *name)
{
    return list && (g_strv_contains((const char *const *)list, name) ||
                    (g_str_has_prefix(name, OURS) && g_strv_contains((const char *const *)list, STANDARD)));
}

gboolean
lull_gate_allows(const LullCommandSpec *spec, gboolean frozen, const LullGateRules *rules)
{
    if (frozen)
        return spec->while_frozen;
    return !rules || ((!rules->allow || names(rules->allow, spec->name)) && !names(rules->block, spec->name));
}

char *
lull_gate_refusal_frozen(const LullCommandSpec *spec, const char *details)
{
    return g_strdup_printf("The command %s has been disabled: the agent is in frozen state (%s)", spec->name,
                           details);
}

char *
lull_gate_refusal_ruled(const LullCommandSpec *spec)
{
    return g_strdup_printf("The command %s has been disabled: the command is not allowed", spec->name);
}
