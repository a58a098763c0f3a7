/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/model/api-group.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* What a cluster's API server has to be told of our kinds, as a List: definitions of all that are not a view,
 * and the policy for their annotations. */
LullJson *lull_manifests(const LullApiGroup *group) G_GNUC_WARN_UNUSED_RESULT;

/* Refuses what lull_annotation_fault() would: a ValidatingAdmissionPolicy, and what binds it. */
LullJson *lull_annotation_policy(const LullApiGroup *group) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_annotation_policy_binding(const LullApiGroup *group) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
