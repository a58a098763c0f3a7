/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/doctor/finding.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* What lull doctor prints of its findings (of LullFinding). @machines were looked at; of @told more is known
 * only what the coordinator tells. Pure. */
char *lull_diagnosis_page(const GPtrArray *findings, guint machines, guint told) G_GNUC_WARN_UNUSED_RESULT;

/* {"kind":"Diagnosis","machines":N,"machinesTold":N,
 *  "findings":[{check, severity, subject, what, why, remedy}]} */
LullJson *
lull_diagnosis_json(const GPtrArray *findings, guint machines, guint told) G_GNUC_WARN_UNUSED_RESULT;

/* "CHECK: SUBJECT", one a line. */
char *lull_diagnosis_names(const GPtrArray *findings) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
