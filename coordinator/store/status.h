/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* Kubernetes' Status: how an error looks on the API. */

/* {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",...} */
LullJson *lull_status_new(int code, const char *reason, const char *message) G_GNUC_WARN_UNUSED_RESULT;

/* The same for a LULL_ERROR (any other domain is an internal error). An INVALID whose message begins with
 * a field's path gets details.causes. */
LullJson *lull_status_from_error(const GError *error) G_GNUC_WARN_UNUSED_RESULT;

int lull_status_code(LullJson *status);

G_END_DECLS
