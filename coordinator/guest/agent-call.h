/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* One command to the guest's agent, never without a time-out: @timeout_usec is rounded up to whole seconds,
 * at least one (libvirt's grain). libvirt synchronizes first where it has to, which is bounded by the same
 * time again. Takes @arguments (may be NULL). Gives the reply's `return`.
 *
 * LOST: nobody has the port open, the guest is not running, the agent went away meanwhile. TIMED_OUT: no
 * answer in time; the guest may still do it. BUSY: another caller has the agent. FAILED: the agent said no,
 * in its own words. INVALID: an answer that is none. */
LullJson *lull_agent_call(LullDomain *domain, const char *command, LullJson *take_arguments,
                          gint64 timeout_usec, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
