/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/commands/commands.h"

#define TOLD_BYTES 256

/* Says that this guest was just restored. */
void
lull_command_restored(const LullServices *services, LullCall *call)
{
    g_autofree char *snapshot =
        g_strndup(lull_json_string(lull_call_arguments(call), "snapshot", ""), TOLD_BYTES);
    g_autofree char *printable = g_strescape(snapshot, NULL);

    (void)services;
    g_message("this guest was restored from snapshot %.*s", TOLD_BYTES, printable);
    lull_call_return(call, json_object_new_object());
}
