/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/cli/cli.h"

G_BEGIN_DECLS

/* Following an object until something is so: by watching, never by polling; over restarts of the server. */

/* Shows progress until @object (lent) is done or has failed, then says so in words, or prints it in the
 * format asked for. @timeout usec, 0: none. */
LullExit
lull_follow_to_end(LullCli *cli, const LullKind *kind, LullJson *object, gint64 timeout, GError **error);

/* Until the very object @uid of that name is gone. */
gboolean
lull_follow_until_gone(LullCli *cli, const LullKind *kind, const char *name, const char *uid, GError **error);

/* As lull_follow_to_end(), for a try that another one may follow: nothing is printed unless it is done. */
LullExit lull_follow_try(LullCli *cli, const LullKind *kind, LullJson *object, GError **error);

G_END_DECLS
