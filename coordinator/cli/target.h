/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cli/cli.h"

G_BEGIN_DECLS

/* What the commands work on: a cluster where --context or --kubeconfig name one, else the coordinator of this
 * host where --socket or LULL_SOCKET name its socket, else a cluster where KUBECONFIG is set, else this
 * host's. Sets `cluster`, `ns`, `socket` (NULL in a cluster) and `client`; nothing is asked of a server yet.
 */
gboolean lull_target_open(LullCli *cli, const LullCommand *command, GError **error);

G_END_DECLS
