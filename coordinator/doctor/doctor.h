/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/doctor/facts.h"
#include "coordinator/doctor/finding.h"

G_BEGIN_DECLS

/* Every check over every fact that it looks at; pure. Of LullFinding, the host's first. */
GPtrArray *lull_doctor_examine(const LullFacts *facts) G_GNUC_WARN_UNUSED_RESULT;

/* Is there one that matters: a warning or an error? */
gboolean lull_doctor_matters(const GPtrArray *findings);

G_END_DECLS
