/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/cli/output.h"
#include "coordinator/store/client/client.h"

G_BEGIN_DECLS

/* The frame of the command line: one sub-command is one file cmd-NAME.c that defines a LullCommand, and one
 * line in the table of commands.c. Help, completion and manual page are all made of what stands there. */

typedef enum {
    LULL_EXIT_DONE = 0,
    LULL_EXIT_FAILED = 1,
    LULL_EXIT_USAGE = 2,
    LULL_EXIT_BELOW = 3,   /* done, but below the level asked for */
    LULL_EXIT_COMMAND = 4, /* hold: done, but the command that was run failed */
} LullExit;

/* What all sub-commands share: the options before or after the sub-command, and the way to the server.
 * Strings are owned by `owned`. */
typedef struct {
    char *socket; /* of this host; NULL until the options are parsed, unless named before the sub-command */
    char *ns;     /* then never NULL */
    char *context, *kubeconfig, *api_group;
    gboolean cluster; /* and not this host */
    char *format_word;
    LullFormat format;
    gboolean terminal; /* stdout is one */
    LullClient *client;
    GPtrArray *owned;
} LullCli;

/* The options that all sub-commands have, also before the sub-command; places in a LullCli. */
extern const GOptionEntry lull_cli_options[];

/* Where an option's value goes, in a table of options that is constant: a place in the struct that is given
 * to lull_cli_parse(). */
#define LULL_OPTION_AT(Type, member) ((gpointer)G_STRUCT_OFFSET(Type, member))

typedef struct {
    const char *name;
    const char *arguments;       /* "VM [NAME]"; each word says how it is completed, see describe.c */
    const char *summary;         /* one line */
    const char *details;         /* for --help, may be NULL */
    const GOptionEntry *options; /* with LULL_OPTION_AT(); a NULL name ends them; NULL: none of its own */
    const char *host_only;       /* NULL: for clusters, too; else what there is instead in a cluster */
    int min, max;                /* of the arguments; max < 0: any number */
    LullExit (*run)(LullCli *cli, int argc, char **argv, GError **error);
} LullCommand;

/* To be called first by every run function. @values: the struct that the command's options are places in,
 * NULL where it has none; strings in it live as long as @self. argv[1] and on are the arguments left. Prints
 * the help and exits for --help. FALSE: the usage is wrong, @error says how. */
gboolean lull_cli_parse(LullCli *self, const LullCommand *command, gpointer values, int *argc, char ***argv,
                        GError **error);

/* The options alone, @options beside those that all have; for what stands before the sub-command. GOption's
 * errors. */
gboolean lull_cli_parse_options(LullCli *self, GOptionContext *context, const GOptionEntry *options,
                                gpointer values, int *argc, char ***argv, GError **error);

void lull_cli_init(LullCli *self);
void lull_cli_clear(LullCli *self);

/* Of a run function whose arguments are wrong: sets the error, returns LULL_EXIT_USAGE. */
LullExit lull_cli_usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* --wait and --no-wait: @wait and @no_wait as parsed; waiting is the default on a terminal. */
gboolean lull_cli_check_wait(gboolean wait, gboolean no_wait, GError **error); /* not both */
gboolean lull_cli_wants_wait(const LullCli *self, gboolean wait, gboolean no_wait);

/* Fetches the object that the user means by "NAME", "snapshot/NAME" or "restore/NAME". USAGE where both kinds
 * have that name or it is none, FAILED (with names near it) where there is none. */
LullExit lull_cli_find(LullCli *self, const char *text, const LullKind **ret_kind, LullJson **ret_object,
                       GError **error);

/* Adds to a NOT_FOUND error the names of @kind that @name may have been meant to be. */
void lull_cli_suggest(LullCli *self, const LullKind *kind, const char *name, GError **error);

/* A time such as 30s that the user gave with @option; at least @min usec. */
gboolean
lull_cli_duration(const char *option, const char *word, gint64 min, gint64 *ret_usec, GError **error);

/* The same word as the API takes it: a bare number is seconds to us and nothing to Go. */
char *lull_cli_go_duration(const char *word) G_GNUC_WARN_UNUSED_RESULT;

/* Sends @body (may be NULL) to a machine's subresource, then prints "VM: @said" and the facts that came back;
 * *@ret_facts (may be NULL): those, owned by the caller, NULL where there are none. */
LullExit lull_cli_put(LullCli *self, const char *vm, const char *subresource, LullJson *body,
                      const char *said, LullJson **ret_facts, GError **error);

/* Prints @object in the format asked for; FALSE (nothing printed) for tables: say it in words then. */
gboolean lull_cli_print_object(const LullCli *self, const LullKind *kind, LullJson *object);

/* What a list sub-command prints: every object of @kind, or (@vm not NULL) those of this machine. */
LullExit lull_cli_list(LullCli *self, const LullKind *kind, const char *vm, GError **error);

G_END_DECLS
