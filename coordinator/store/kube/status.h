/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* Turns the Status document of a refused request into an error: the code from its reason (or, without
 * one, from the HTTP code), the message with the causes that it does not already name.
 * @status may be NULL or anything at all: it came from outside. */
GError *lull_status_to_error(LullJson *status, long http_code) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
