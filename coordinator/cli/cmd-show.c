/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/page.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/names.h"

extern const LullCommand lull_command_show;

/* The content's report is the whole one; the snapshot's is trimmed, and what there is if that is gone. */
static LullReport *
find_report(LullCli *cli, LullJson *snapshot, GError **error)
{
    const char *name =
        lull_json_string(lull_json_object(snapshot, "status"), "virtualMachineSnapshotContentName", NULL);
    g_autoptr(LullJson) content =
        name ? lull_client_get(cli->client, &lull_kind_content, cli->ns, name, NULL) : NULL;
    LullReport *report = content ? lull_report_of(content, NULL) : NULL;

    return report ? report : lull_report_of(snapshot, error);
}

/* Nothing where they cannot be had: the object says what counts. */
static char *
events_of(LullCli *cli, LullJson *object)
{
    const char *uid = lull_meta_uid(object);
    g_autoptr(LullJson) list = uid ? lull_client_list_events(cli->client, cli->ns, uid, NULL) : NULL;

    return lull_page_of_events(list, lull_clock_realtime());
}

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    const LullKind *kind = NULL;
    g_autoptr(LullJson) object = NULL;
    g_autoptr(LullReport) report = NULL;
    g_autoptr(GError) problem = NULL;
    g_autofree char *page = NULL;
    g_autofree char *events = NULL;

    if (!lull_cli_parse(cli, &lull_command_show, NULL, &argc, &argv, error))
        return LULL_EXIT_USAGE;

    const LullExit found = lull_cli_find(cli, argv[1], &kind, &object, error);
    if (found != LULL_EXIT_DONE || lull_cli_print_object(cli, kind, object))
        return found;
    if (kind == &lull_kind_restore) {
        page = lull_page_of_restore(object, lull_clock_realtime());
    } else {
        report = find_report(cli, object, &problem);
        page = lull_page_of_snapshot(object, report, problem ? problem->message : NULL,
                                     lull_machine_words(cli->cluster), lull_clock_realtime());
    }
    events = events_of(cli, object);
    (void)printf("%s%s", page, events);
    return LULL_EXIT_DONE;
}

const LullCommand lull_command_show = {
    .name = "show",
    .arguments = "NAME",
    .summary = "show a snapshot with its freeze as a timeline, or a restore",
    .details = "NAME is a snapshot or restore; snapshot/NAME and restore/NAME tell them apart.",
    .min = 1,
    .max = 1,
    .run = run,
};
