/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "agent/options.h"

G_BEGIN_DECLS

/* Puts the parts together: engine (recovers first), session, channel. Runs until SIGTERM or SIGINT;
 * then lets go of whatever is frozen, and returns. FALSE: it could not start. */
gboolean lull_agent_run(const LullOptions *options, GError **error);

G_END_DECLS
