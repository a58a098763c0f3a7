/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"
#include "protocol/error.h"

extern const LullCommand lull_command_thaw;

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr(LullJson) facts = NULL;
    const char *proof = NULL;
    LullExit exit_code;

    if (!lull_cli_parse(cli, &lull_command_thaw, NULL, &argc, &argv, error) ||
        !lull_names_check("virtual machine", argv[1], error))
        return LULL_EXIT_USAGE;
    exit_code = lull_cli_put(cli, argv[1], "unfreeze", NULL, "thawed", &facts, error);
    /* whoever serves this and knows nothing of proofs claims nothing either way */
    proof = lull_json_string(facts, "proof", "");
    if (exit_code != LULL_EXIT_DONE || !*proof || g_str_equal(proof, "held"))
        return exit_code;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED,
                "vm \"%s\": it is thawed, but the freeze did not hold: %s; what was copied meanwhile is not "
                "consistent",
                argv[1], lull_json_string(facts, "proofReason", "no reason was given"));
    return LULL_EXIT_BELOW;
}

const LullCommand lull_command_thaw = {
    .name = "thaw",
    .arguments = "VM",
    .summary = "end a freeze begun with lull freeze",
    .details = "Exit status 3: it is thawed, but the freeze had not held until then.",
    .min = 1,
    .max = 1,
    .run = run,
};
