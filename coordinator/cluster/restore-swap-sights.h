/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-use.h"
#include "coordinator/cluster/restore-work-decide.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* What a restore in place looks at beside what all do (restore-sights.h): each time anew, for what is there
 * is about to be replaced. */
typedef struct {
    LullStore *store;  /* lent */
    LullJson *restore; /* lent */
    LullJson *held;    /* volumes that are held for it, as a list */
    LullRestoreUsers users;
} LullRestoreSwapSights;

void lull_restore_swap_sights_clear(LullRestoreSwapSights *self);

/* Reads what concerns all its volumes. */
gboolean lull_restore_swap_sights_read(LullRestoreSwapSights *self, GError **error);

/* And what concerns one: its claim, and all of @sight->swap but the claim aside, of which there is what it
 * has there. What @sight has is owned by whoever has it. */
gboolean lull_restore_swap_sights_fill(LullRestoreSwapSights *self, LullRestoreSight *sight, GError **error);

void lull_restore_swap_clear(LullRestoreSwap *swap);

G_END_DECLS
