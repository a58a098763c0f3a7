/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/step.h"

G_BEGIN_DECLS

/* Reads LULL_AT_STEP once, at the start of a process, before any thread. An unknown step or action
 * is LULL_ERROR_INVALID: a test that aims past everything must not pass. */
gboolean lull_steps_init(GError **error);

G_END_DECLS
