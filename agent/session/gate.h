/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/command.h"

G_BEGIN_DECLS

/* What the guest's owner lets a host do, as the peer's options say it. */
typedef struct {
    char **allow; /* names; NULL: all */
    char **block; /* names, which beats the other; NULL: none */
} LullGateRules;

/* What may run now. Pure. While something is frozen, what cannot touch a file system may, whatever the rules
 * say, and nothing else. Otherwise the rules decide; lists that were written for the peer do not know our
 * commands, which go with guest-fsfreeze-freeze unless they are named. @rules may be NULL. */
gboolean lull_gate_allows(const LullCommandSpec *spec, gboolean frozen, const LullGateRules *rules);

/* The refusals, with the words that the peer's clients look for; @details: whose freeze it is. */
char *lull_gate_refusal_frozen(const LullCommandSpec *spec, const char *details) G_GNUC_WARN_UNUSED_RESULT;
char *lull_gate_refusal_ruled(const LullCommandSpec *spec) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
