/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cli/cli.h"

G_BEGIN_DECLS

/* The table of sub-commands in the languages of others: what completion and manual page are made of. Pure. */

/* One line a fact, its fields separated by '|':
 *
 *   COMMAND|command|SUMMARY
 *   COMMAND|argument|WORD                     in their order; "VM", "[NAME]", "NAME..."
 *   COMMAND|option|LONG|LETTER|VALUE|HELP     LETTER and VALUE empty where there is none; COMMAND "*": of all
 */
char *lull_describe_rows(const LullCommand *const *commands) G_GNUC_WARN_UNUSED_RESULT;

/* A section for each sub-command, in mdoc(7). */
char *lull_describe_mdoc(const LullCommand *const *commands) G_GNUC_WARN_UNUSED_RESULT;

/* @frame with the line "@TABLE@" replaced by @table; NULL where there is no such line. */
char *lull_describe_fill(const char *frame, const char *table) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
