/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/commands/commands.h"

/* Says that this guest was just restored. */
void
lull_command_restored(const LullServices *services, LullCall *call)
{
    (void)services;
    g_message("this guest was restored from snapshot %s",
              lull_json_string(lull_call_arguments(call), "snapshot", ""));
    lull_call_return(call, json_object_new_object());
}
