/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* The table of every command, in command.c: name, arguments, what may run while frozen. Validation of
 * requests and the list in guest-info come from it; a command that is absent answers CommandNotFound by
 * itself. A new one has its row there, a file agent/commands/NAME.c (listed in agent/meson.build, declared
 * in agent/commands/commands.h) and a row in agent/session/table.c; a test finds what was forgotten. */

typedef enum {
    LULL_ARG_STRING = 0,
    LULL_ARG_INT,
    LULL_ARG_BOOL,
    LULL_ARG_STRINGS, /* array of strings */
    LULL_ARG_OBJECT,
    LULL_ARG_OBJECTS, /* array of objects */
} LullArgType;

/* As many as a list in an argument may have. */
#define LULL_ARG_MAX_ELEMENTS 1024

typedef struct {
    const char *name;
    LullArgType type;
    gboolean optional;
} LullArgSpec;

typedef struct {
    const char *name;
    LullArgSpec args[8]; /* ends with a NULL name */
    gboolean while_frozen;
    gboolean no_success_reply;
} LullCommandSpec;

/* All of them, in a fixed order; NULL name ends. */
const LullCommandSpec *lull_command_specs(void);
const LullCommandSpec *lull_command_find(const char *name);

/* A request as the peer's clients send it. `id` is echoed, NULL when there was none. Lent pointers
 * live as long as @message. */
typedef struct {
    const char *name;
    LullJson *arguments; /* NULL where none came */
    LullJson *id;
    gboolean has_id;
} LullRequest;

/* Checks the envelope of one message (LULL_ERROR_INVALID with the peer's texts). */
gboolean lull_request_read(LullJson *message, LullRequest *ret_request, GError **error);

/* Checks arguments against the table: missing, wrong type, unexpected, in the peer's words. */
gboolean lull_command_check(const LullCommandSpec *spec, LullJson *arguments, GError **error);

/* Replies; consume @value; echo @id where there was one. The text ends with a newline. */
char *lull_reply_return(LullJson *value, const LullRequest *request) G_GNUC_WARN_UNUSED_RESULT;
char *
lull_reply_error(const char *klass, const char *desc, const LullRequest *request) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
