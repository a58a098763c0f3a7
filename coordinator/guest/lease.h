/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The lease to ask the agent for at @now: @lease_usec, but never one that lasts beyond @until (boot clock).
 * 0: nothing is worth asking for any more, the lease that runs does the rest. Pure. */
gint64 lull_lease_next(gint64 lease_usec, gint64 until, gint64 now) G_GNUC_CONST G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
