/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdio.h>

#include <glib.h>

#include "coordinator/cli/outcome.h"

G_BEGIN_DECLS

/* Shows long work: on a terminal one line with a bar, redrawn; elsewhere a plain line for each step begun,
 * each quarter copied and each new thing waited for. */
typedef struct _LullProgressView LullProgressView;

/* @subject: "snapshot/NAME". @terminal: whether @stream is one. */
LullProgressView *
lull_progress_view_new(FILE *stream, gboolean terminal, const char *subject) G_GNUC_WARN_UNUSED_RESULT;
void lull_progress_view_update(LullProgressView *self, const LullProgress *progress);
void lull_progress_view_tick(LullProgressView *self); /* redraws the elapsed time */
void lull_progress_view_free(LullProgressView *self); /* wipes the bar away */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullProgressView, lull_progress_view_free)

/* The bar's line at @elapsed usec: pure. */
char *lull_progress_bar(const char *subject, const LullProgress *progress,
                        gint64 elapsed) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
