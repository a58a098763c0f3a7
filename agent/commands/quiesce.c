/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/commands/commands.h"

static void
finish(LullCall *call, LullJson *value, GError *take_error)
{
    g_autoptr(GError) error = take_error;

    lull_call_done(value, error, call);
}

void
lull_command_prepare(const LullServices *services, LullCall *call)
{
    GError *error = NULL;
    LullJson *value = lull_engine_prepare(services->engine, lull_call_arguments(call), &error);

    finish(call, value, error);
}

void
lull_command_freeze(const LullServices *services, LullCall *call)
{
    lull_engine_freeze(services->engine, lull_call_arguments(call), lull_call_done, call);
}

void
lull_command_renew(const LullServices *services, LullCall *call)
{
    GError *error = NULL;
    LullJson *value = lull_engine_renew(services->engine, lull_call_arguments(call), &error);

    finish(call, value, error);
}

void
lull_command_thaw(const LullServices *services, LullCall *call)
{
    lull_engine_thaw(services->engine, lull_call_arguments(call), lull_call_done, call);
}

void
lull_command_abort(const LullServices *services, LullCall *call)
{
    lull_engine_abort(services->engine, lull_call_arguments(call), lull_call_done, call);
}

void
lull_command_status(const LullServices *services, LullCall *call)
{
    lull_call_return(call, lull_engine_status(services->engine));
}

void
lull_hurry_own(const LullServices *services, LullJson *arguments)
{
    lull_engine_hurry(services->engine, lull_json_string(arguments, "op", ""));
}
