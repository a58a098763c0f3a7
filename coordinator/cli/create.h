/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cli/cli.h"

G_BEGIN_DECLS

/* Creates @request, which it changes: where its name is one of lull_names_generate() and taken already, as by
 * another of the same second, it gets the next that is free. The server's errors. */
LullJson *lull_create_generated(LullCli *cli, const LullKind *kind, LullJson *request,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The last word where nobody waits for the end of @object: in words, or in the format asked for. */
void lull_create_say_begun(const LullCli *cli, const LullKind *kind, LullJson *object);

G_END_DECLS
