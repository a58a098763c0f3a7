/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/client/client.h"
#include "coordinator/store/kube/dial.h"

G_BEGIN_DECLS

/* What unary calls and watches have in common; private to the client. */

struct _LullClient {
    LullKubeConfig *config;
    LullCredentials *credentials;
    LullDial dial;
    char *group; /* that has the kinds of snapshots; NULL: not known yet */
    long call_ms;
};

/* What a request sends and how long it may take. */
typedef struct {
    const char *method;
    const char *path;
    const char *content_type; /* of the body */
    LullJson *body;           /* lent until the transfer is over; NULL: none */
    long timeout_ms;          /* 0: none */
} LullTransfer;

/* Sets everything but where the answer goes. FALSE: a file of the configuration cannot be read. */
gboolean lull_transfer_begin(LullClient *self, const LullTransfer *request, GError **error);

/* Says in our words what became of the last transfer. */
void lull_transfer_set_error(LullClient *self, CURLcode code, const LullTransfer *request, GError **error);

/* The same of an answer that is a refusal; @status may be NULL or anything at all. */
void
lull_transfer_set_refusal(LullClient *self, LullJson *status, const LullTransfer *request, GError **error);

G_END_DECLS
