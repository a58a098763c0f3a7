/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/create.h"

#include <stdio.h>

#include "coordinator/cli/names.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"
#include "protocol/names.h"

LullJson *
lull_create_generated(LullCli *cli, const LullKind *kind, LullJson *request, GError **error)
{
    g_autofree char *base = g_strdup(lull_meta_name(request));

    for (guint n = 1;; n++) {
        g_autofree char *name = lull_names_next(base, n);
        g_autoptr(GError) problem = NULL;
        LullJson *created;

        lull_json_set_string(lull_json_ensure(request, "metadata"), "name", name);
        created = lull_client_create(cli->client, kind, cli->ns, request, &problem);
        if (created)
            return created;
        if (!lull_error_is(problem, LULL_ERROR_EXISTS) || n == LULL_NAMES_NEXT_MAX) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
    }
}

void
lull_create_say_begun(const LullCli *cli, const LullKind *kind, LullJson *object)
{
    const char *word = lull_names_word(kind);
    const char *name = lull_meta_name(object);

    if (!lull_cli_print_object(cli, kind, object))
        (void)printf("%s/%s has begun; wait for its end with: lull wait %s/%s\n", word, name, word, name);
}
