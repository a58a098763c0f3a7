/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/reconcile/claims.h"
#include "coordinator/reconcile/restore-place.h"
#include "coordinator/storage/storage.h"

G_BEGIN_DECLS

/* Restores on a plain host: onto the files that the volumes were, or to a new machine with files of its own.
 */
typedef struct {
    LullRestorePlace place;
    LullHost *host;
    LullStorage *storage;
    LullClaims *claims;
} LullRestoreHost;

/* All are lent. */
void lull_restore_host_init(LullRestoreHost *self, LullHost *host, LullStorage *storage, LullClaims *claims);

extern const LullRestoreRules lull_restore_host_rules;

G_END_DECLS
