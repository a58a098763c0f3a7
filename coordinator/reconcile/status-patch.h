/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* The merge patch that turns the object's status into @status, with the object's resourceVersion, so that a
 * stale writer gets LULL_ERROR_CONFLICT. NULL where nothing would change. */
LullJson *lull_status_patch(LullJson *object, LullJson *status) G_GNUC_WARN_UNUSED_RESULT;

/* The patch of one annotation, likewise; @value NULL removes it. */
LullJson *
lull_annotation_patch(LullJson *object, const char *key, const char *value) G_GNUC_WARN_UNUSED_RESULT;

/* The annotation lull.dev/progress; NULL @step: none. Rounded to hundredths, so that it is not written too
 * often. @bytes: of how much; 0: not known. */
char *lull_progress_text(const char *step, guint permille, guint64 bytes) G_GNUC_WARN_UNUSED_RESULT;
gboolean lull_progress_differs(LullJson *object, const char *progress);

/* Where each write is one to a server that many need (a cluster's), what is done within a moment is told
 * once: until when a status that is due @since need not be written if it is about to change again. 0: it is
 * to be written now. Times: wall clock. */
gint64 lull_status_tell_at(gint64 since, gint64 now);

/* {time, message} of status.error: kept as it is where it says @message already, else new at @now. NULL
 * @message: removed. */
void lull_status_set_error(LullJson *status, const char *message, gint64 now);

G_END_DECLS
