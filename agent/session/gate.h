/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/command.h"

G_BEGIN_DECLS

/* What may run now. Pure. While something is frozen, only what cannot touch a file system may. */
gboolean lull_gate_allows(const LullCommandSpec *spec, gboolean frozen);

/* The refusal, with the words that the peer's clients look for; @details: whose freeze it is. */
char *lull_gate_refusal(const LullCommandSpec *spec, const char *details) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
