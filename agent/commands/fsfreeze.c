/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/commands/commands.h"

void
lull_command_fsfreeze_status(const LullServices *services, LullCall *call)
{
    lull_call_return(call,
                     json_object_new_string(lull_engine_is_frozen(services->engine) ? "frozen" : "thawed"));
}

/* -freeze and -freeze-list: a list that is absent means all. */
void
lull_command_fsfreeze_freeze(const LullServices *services, LullCall *call)
{
    lull_engine_standard_freeze(services->engine, lull_json_array(lull_call_arguments(call), "mountpoints"),
                                lull_call_done, call);
}

void
lull_command_fsfreeze_thaw(const LullServices *services, LullCall *call)
{
    lull_engine_standard_thaw(services->engine, lull_call_done, call);
}

void
lull_hurry_any(const LullServices *services, LullJson *arguments)
{
    (void)arguments;
    lull_engine_hurry(services->engine, NULL);
}
