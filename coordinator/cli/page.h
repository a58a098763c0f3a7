/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/cli/machine-words.h"
#include "coordinator/cli/report-read.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* What lull show prints: one object told to a person. Pure; @now is the wall clock. */

/* @report: of the snapshot's content, or its own; NULL: there is none. @problem: why a report there is could
 * not be read, or NULL. */
char *lull_page_of_snapshot(LullJson *snapshot, const LullReport *report, const char *problem,
                            const LullMachineWords *words, gint64 now) G_GNUC_WARN_UNUSED_RESULT;
char *lull_page_of_restore(LullJson *restore, gint64 now) G_GNUC_WARN_UNUSED_RESULT;

/* What comes after either: the last of its events, a list of them; "" where there are none. */
char *lull_page_of_events(LullJson *list, gint64 now) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
