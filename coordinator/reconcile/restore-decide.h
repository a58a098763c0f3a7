/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/restore-view.h"

G_BEGIN_DECLS

typedef enum {
    LULL_RESTORE_WAIT = 0,
    LULL_RESTORE_ADD_FINALIZER, /* and its owner */
    LULL_RESTORE_ADD_OWNER,
    LULL_RESTORE_WRITE_STATUS,
    LULL_RESTORE_WRITE_PROGRESS,
    LULL_RESTORE_NOTE_START, /* how the target is to be started in the end; written before it is stopped */
    LULL_RESTORE_SHUT_DOWN,  /* asks the target to power off */
    LULL_RESTORE_START_TARGET,
    LULL_RESTORE_RECORD_START,
    LULL_RESTORE_LOCK,
    LULL_RESTORE_START_DATA,
    LULL_RESTORE_FORGET_FAILURE, /* of the data job, so that it is tried again after a while */
    LULL_RESTORE_CANCEL_DATA,
    LULL_RESTORE_UNLOCK,
    LULL_RESTORE_FORGET_DATA, /* the job, of a target that is not locked */
    LULL_RESTORE_REMOVE_FINALIZER,
    LULL_RESTORE_N
} LullRestoreVerb;

typedef struct {
    LullRestoreVerb verb;
    const char *reason;
    gint64 again_at; /* wall clock; 0: only when something changes */
} LullRestoreStep;

LullRestoreStep lull_restore_decide(const LullRestoreView *view) G_GNUC_PURE G_GNUC_WARN_UNUSED_RESULT;

const char *lull_restore_verb_to_string(LullRestoreVerb verb);

G_END_DECLS
