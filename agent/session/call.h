/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* One request under way. A command answers it exactly once, at once or later; that ends its life. */
typedef struct _LullCall LullCall;

/* Checked against the command's row in the table; NULL where none came. */
LullJson *lull_call_arguments(LullCall *self);

/* Consume @value. The second puts a 0xFF byte before the answer, for guest-sync-delimited only. */
void lull_call_return(LullCall *self, LullJson *value);
void lull_call_return_delimited(LullCall *self, LullJson *value);
void lull_call_fail(LullCall *self, const GError *error);

/* A LullDone (agent/quiesce/engine.h) whose user data is the call. */
void lull_call_done(LullJson *value, const GError *error, gpointer call);

G_END_DECLS
