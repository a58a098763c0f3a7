/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/background.h"
#include "agent/lock.h"
#include "agent/log.h"
#include "agent/quiesce/record.h"
#include "agent/quiesce/recover.h"
#include "protocol/step-init.h"

/* With nothing left frozen, log and pid file can be opened, wherever they are. Otherwise the agent opens the
 * log later; a pid file on the frozen file system waits for the thread that is at it. */
static gboolean
enter(const LullOptions *options, LullRecovery *recovery, GError **error)
{
    if (lull_recovery_is_done(recovery) && !lull_agent_recovered(options, recovery, error))
        return FALSE;
    lull_recovery_follow_up(recovery);
    if (!options->daemonize)
        return TRUE;
    if (!lull_background_enter(options->pidfile, error))
        return FALSE;
    lull_recovery_follow_up(recovery);
    return TRUE;
}

/* Not even a mistake in the options keeps frozen what an agent before this one has left so. */
static void
thaw_at_least(const char *folder)
{
    g_autofree char *record = g_build_filename(folder, LULL_RECORD_NAME, NULL);
    g_autoptr(LullRecovery) recovery = NULL;

    if (!g_file_test(record, G_FILE_TEST_EXISTS) || !lull_lock_folder(folder, NULL))
        return;
    recovery = lull_recovery_start(folder);
    if (lull_recovery_is_done(recovery))
        lull_recovery_finish(recovery);
}

int
main(int argc, char **argv)
{
    g_autoptr(LullRecovery) recovery = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(LullOptions) options = {NULL};
    int status;

    if (!lull_options_parse(argc, argv, &options, &status)) {
        if (status != 0)
            thaw_at_least(lull_options_find_state_dir(argc, argv));
        return status;
    }
    lull_log_init(options.verbose);
    if (lull_steps_init(&error) && lull_lock_folder(options.state_dir, &error)) {
        lull_log_hold(TRUE);
        recovery = lull_recovery_start(options.state_dir);
    }
    if (!recovery || !enter(&options, recovery, &error) || !lull_agent_run(&options, recovery, &error)) {
        fprintf(stderr, "lull-agent: %s\n", error->message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
