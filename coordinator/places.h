/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where a coordinator is and keeps things unless it is told otherwise: the system's places for root, else the
 * user's. */
#define LULL_SOCKET_NAME "coordinator.sock"
char *lull_place_uri(void) G_GNUC_WARN_UNUSED_RESULT; /* of libvirt */
char *lull_place_state_dir(void) G_GNUC_WARN_UNUSED_RESULT;
char *lull_place_runtime_dir(void) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
