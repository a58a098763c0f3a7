/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* How much the local store remembers and lets wait. Zero: the default. */
typedef struct {
    guint log_events;  /* events kept for watches that begin at an earlier position */
    guint64 log_bytes; /* and their size in all */
    guint max_pending; /* events that one watch may have waiting */
} LullLocalLimits;

/* lull_store_local_open() with other limits. */
LullStore *lull_store_local_open_with(const char *path, const LullLocalLimits *limits,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
