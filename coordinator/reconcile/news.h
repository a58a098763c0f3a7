/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/content-decide.h"
#include "coordinator/reconcile/restore-decide.h"
#include "coordinator/reconcile/snapshot-decide.h"
#include "coordinator/store/recorder.h"

G_BEGIN_DECLS

/* What a step of a reconciler is worth telling as events. Reasons and texts are those of KubeVirt where it
 * has one; it says nothing of success, of waiting and of most failures. */
typedef struct {
    const LullKind *kind;
    LullJson *object; /* lent by the view */
    LullEventType type;
    const char *reason;
    char *message;
} LullNews;

/* Pure; of LullNews, lent by the view as it is before the step. Mostly from what changes in the status. */
GPtrArray *lull_snapshot_news(const LullSnapshotView *view, LullSnapshotVerb verb) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *lull_content_news(const LullContentView *view, LullContentVerb verb) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *lull_restore_news(const LullRestoreView *view, LullRestoreVerb verb) G_GNUC_WARN_UNUSED_RESULT;

/* @recorder NULL: to nobody. */
void lull_news_tell(GPtrArray *news, LullRecorder *recorder, gint64 now);

G_END_DECLS
