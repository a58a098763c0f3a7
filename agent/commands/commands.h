/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "agent/quiesce/engine.h"
#include "agent/session/call.h"
#include "agent/session/gate.h"

G_BEGIN_DECLS

/* What commands work with. */
typedef struct {
    LullEngine *engine;
    const char *root;           /* prefix of /proc, /sys and /run/udev; "" */
    const LullGateRules *rules; /* NULL: everything is allowed */
} LullServices;

/* Runs a command whose arguments were checked; answers @call now or later. */
typedef void (*LullCommand)(const LullServices *services, LullCall *call);

/* Makes way for a request that waits behind another. */
typedef void (*LullHurry)(const LullServices *services, LullJson *arguments);

/* basic.c */
void lull_command_sync(const LullServices *services, LullCall *call);
void lull_command_sync_delimited(const LullServices *services, LullCall *call);
void lull_command_ping(const LullServices *services, LullCall *call);
void lull_command_info(const LullServices *services, LullCall *call);

/* fsinfo.c */
void lull_command_get_fsinfo(const LullServices *services, LullCall *call);

/* fsfreeze.c */
void lull_command_fsfreeze_status(const LullServices *services, LullCall *call);
void lull_command_fsfreeze_freeze(const LullServices *services, LullCall *call);
void lull_command_fsfreeze_thaw(const LullServices *services, LullCall *call);
void lull_hurry_any(const LullServices *services, LullJson *arguments);

/* quiesce.c */
void lull_command_prepare(const LullServices *services, LullCall *call);
void lull_command_freeze(const LullServices *services, LullCall *call);
void lull_command_renew(const LullServices *services, LullCall *call);
void lull_command_thaw(const LullServices *services, LullCall *call);
void lull_command_abort(const LullServices *services, LullCall *call);
void lull_command_status(const LullServices *services, LullCall *call);
void lull_hurry_own(const LullServices *services, LullJson *arguments);

/* restored.c */
void lull_command_restored(const LullServices *services, LullCall *call);

G_END_DECLS
