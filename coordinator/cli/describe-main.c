/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/cli/commands.h"
#include "coordinator/cli/describe.h"

/* Used while building: prints FRAME with the table of sub-commands in its place. */
int
main(int argc, char **argv)
{
    g_autofree char *frame = NULL;
    g_autofree char *table = NULL;
    g_autofree char *filled = NULL;
    g_autoptr(GError) error = NULL;

    if (argc != 3 || !(g_str_equal(argv[1], "rows") || g_str_equal(argv[1], "mdoc"))) {
        (void)fprintf(stderr, "usage: lull-describe rows|mdoc FRAME\n");
        return 2;
    }
    if (!g_file_get_contents(argv[2], &frame, NULL, &error)) {
        (void)fprintf(stderr, "lull-describe: %s\n", error->message);
        return EXIT_FAILURE;
    }
    table =
        g_str_equal(argv[1], "rows") ? lull_describe_rows(lull_commands) : lull_describe_mdoc(lull_commands);
    filled = lull_describe_fill(frame, table);
    if (!filled) {
        (void)fprintf(stderr, "lull-describe: %s: has no line @TABLE@\n", argv[2]);
        return EXIT_FAILURE;
    }
    return fputs(filled, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
