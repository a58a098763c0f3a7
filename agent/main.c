/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/background.h"
#include "agent/log.h"
#include "protocol/step.h"

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    LullOptions options;
    int status;

    if (!lull_options_parse(argc, argv, &options, &status))
        return status;
    if (!lull_steps_init(&error) || !lull_log_init(options.logfile, options.verbose, &error) ||
        (options.daemonize && !lull_background_enter(options.pidfile, &error)) ||
        !lull_agent_run(&options, &error)) {
        fprintf(stderr, "lull-agent: %s\n", error->message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
