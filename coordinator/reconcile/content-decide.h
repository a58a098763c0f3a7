/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/content-view.h"

G_BEGIN_DECLS

typedef enum {
    LULL_CONTENT_WAIT = 0,
    LULL_CONTENT_WRITE_STATUS,
    LULL_CONTENT_WRITE_PROGRESS,
    LULL_CONTENT_BEGIN_ATTEMPT,    /* to quiesce the guest: writes its number down */
    LULL_CONTENT_BEGIN_UNQUIESCED, /* the last resort, likewise */
    LULL_CONTENT_RECORD_REFUSAL,   /* the level required cannot be reached */
    LULL_CONTENT_START_ATTEMPT,
    LULL_CONTENT_CANCEL_ATTEMPT,
    LULL_CONTENT_RECORD_ATTEMPT,
    LULL_CONTENT_RECORD_BARE, /* there is no volume to cut: the object is all */
    LULL_CONTENT_ABANDON,     /* another node's: what runs of it here ends, and nobody asks how */
    LULL_CONTENT_START_DISCARD,
    LULL_CONTENT_RECORD_DISCARD,
    LULL_CONTENT_START_FOLLOW,
    LULL_CONTENT_CANCEL_FOLLOW,
    LULL_CONTENT_START_SEAL,
    LULL_CONTENT_CANCEL_SEAL,
    LULL_CONTENT_RECORD_SEAL, /* in the status alone, where each write counts */
    LULL_CONTENT_RECORD_LOSS,
    LULL_CONTENT_START_REMOVAL,
    LULL_CONTENT_REMOVE_FINALIZER,
    LULL_CONTENT_FORGET_FAILURE, /* of a job, so that it is tried again after a while */
    LULL_CONTENT_N_VERBS
} LullContentVerb;

typedef struct {
    LullContentVerb verb;
    const char *reason;
    gint64 again_at; /* wall clock; 0: only when something changes */
} LullContentStep;

LullContentStep lull_content_decide(const LullContentView *view) G_GNUC_PURE G_GNUC_WARN_UNUSED_RESULT;

const char *lull_content_verb_to_string(LullContentVerb verb);

G_END_DECLS
