/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work-decide.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* What a look of a restore reads of one entry of its plan, beside its claims: what is not known yet, or not
 * yet as it has to be. */
typedef struct {
    LullStore *store; /* lent, as all here */
    LullJson *restore, *content;
    gboolean in_place;
} LullRestoreReader;

/* Kept from look to look. */
typedef struct {
    char *behind; /* what the VolumeSnapshotContent is called, if all is as it was cut; "": nobody knows */
    gboolean
        confirmed; /* of a claim that waits for its consumer: what it is made of was there after it was */
} LullRestoreReadState;

/* @cut: which one was cut (storage/csi/identity.h), or NULL. */
void lull_restore_read_state_init(LullRestoreReadState *self, LullJson *cut);
void lull_restore_read_state_clear(LullRestoreReadState *self);

/* Adds what the next lull_restore_read() will read, as LullWant (store/ahead.h), as far as that is known. It
 * is lent by all three. */
void lull_restore_read_want(const LullRestoreReader *self, const LullRestoreSight *sight,
                            const LullRestoreReadState *state, GArray *wants);

/* @sight has the claims as they are. */
gboolean lull_restore_read(const LullRestoreReader *self, LullRestoreSight *sight,
                           LullRestoreReadState *state, GError **error);

/* Pure. The last Warning of a list of Events, lent; NULL: there is none. */
const char *lull_restore_last_warning(LullJson *events);

G_END_DECLS
