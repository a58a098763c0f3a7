/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/cli/machine-words.h"
#include "coordinator/cli/report-read.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* What somebody can do who wants a better snapshot than this one, by what it indicates: a list of sentences,
 * empty where there is nothing to better or it is under way. Pure; what guests and files said in it is not
 * cleaned. @report: NULL: there is none. */
GPtrArray *lull_advice_of_snapshot(LullJson *snapshot, const LullReport *report,
                                   const LullMachineWords *words) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
