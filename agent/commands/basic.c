/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/commands/commands.h"
#include "agent/session/gate.h"
#include "protocol/command.h"
#include "protocol/names.h"

static LullJson *
sync_id(LullCall *call)
{
    return json_object_new_int64(lull_json_int(lull_call_arguments(call), "id", 0));
}

void
lull_command_sync(const LullServices *services, LullCall *call)
{
    (void)services;
    lull_call_return(call, sync_id(call));
}

void
lull_command_sync_delimited(const LullServices *services, LullCall *call)
{
    (void)services;
    lull_call_return_delimited(call, sync_id(call));
}

void
lull_command_ping(const LullServices *services, LullCall *call)
{
    (void)services;
    lull_call_return(call, json_object_new_object());
}

void
lull_command_info(const LullServices *services, LullCall *call)
{
    const gboolean frozen = lull_engine_is_frozen(services->engine);
    LullJson *info = json_object_new_object();
    LullJson *commands = json_object_new_array();

    lull_json_set_string(info, "version", LULL_QGA_VERSION);
    lull_json_set_string(info, "lull-version", LULL_VERSION);
    lull_json_take(info, "supported_commands", commands);
    for (const LullCommandSpec *spec = lull_command_specs(); spec->name; spec++) {
        LullJson *command = json_object_new_object();

        lull_json_set_string(command, "name", spec->name);
        lull_json_set_bool(command, "enabled", lull_gate_allows(spec, frozen, services->rules));
        lull_json_set_bool(command, "success-response", !spec->no_success_reply);
        json_object_array_add(commands, command);
    }
    lull_call_return(call, info);
}
