/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/truth.h"

G_BEGIN_DECLS

/* The report of a snapshot that has no volumes where the object alone keeps the configuration: no guest is
 * asked and nothing is cut. @vm NULL: the machine has gone. *@ret_reached: it is at least what is required.
 * Pure. */
LullJson *lull_bare_report(LullJson *vm, const char *op, guint attempt, LullLevel require,
                           gboolean *ret_reached) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
