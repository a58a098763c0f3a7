/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "agent/options.h"
#include "agent/quiesce/recover.h"

G_BEGIN_DECLS

/* Once @recovery is done: opens the log, which the caller has held back until now, and tells of it there. */
gboolean lull_agent_recovered(const LullOptions *options, LullRecovery *recovery, GError **error);

/* Puts the parts together: engine, session, channel. Runs until SIGTERM or SIGINT; then lets go of whatever
 * is frozen, and returns. A @recovery that is not done yet is waited for meanwhile, and then told of.
 * FALSE: it could not start. */
gboolean lull_agent_run(const LullOptions *options, LullRecovery *recovery, GError **error);

G_END_DECLS
