/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/content-view.h"

G_BEGIN_DECLS

/* The status that a content ought to have, from its view alone. Pure; what was right stays as written. */
LullJson *lull_content_status(const LullContentView *view) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
