/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/client/client.h"

G_BEGIN_DECLS

/* A guest held still for as long as a connection lasts, see docs/api.md. One thread. */
typedef struct _LullClientHold LullClientHold;

/* Returns when the guest is frozen, or with the error why it is not; that may take as long as a freeze.
 * @body may be NULL. */
LullClientHold *lull_client_hold_new(const char *socket_path, const char *ns, const char *vm, LullJson *body,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What the server said then: agent, frozen, freezeMs, op. Lent. */
LullJson *lull_client_hold_facts(const LullClientHold *self);

/* Waits. TRUE: @fd can be read. FALSE: the hold has ended. */
gboolean lull_client_hold_wait(LullClientHold *self, int fd);

/* After it has ended: what the server said last, with "why"; NULL: it broke off. Lent. */
LullJson *lull_client_hold_end(const LullClientHold *self);

/* Closes the connection, which ends the hold. */
void lull_client_hold_free(LullClientHold *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullClientHold, lull_client_hold_free)

G_END_DECLS
