/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/session/table.h"

#include "protocol/names.h"

static const LullTableRow rows[] = {
    {"guest-sync-delimited", lull_command_sync_delimited},
    {"guest-sync", lull_command_sync},
    {"guest-ping", lull_command_ping},
    {"guest-info", lull_command_info},
    {"guest-get-fsinfo", lull_command_get_fsinfo},
    {"guest-fsfreeze-status", lull_command_fsfreeze_status},
    {"guest-fsfreeze-freeze", lull_command_fsfreeze_freeze},
    {"guest-fsfreeze-freeze-list", lull_command_fsfreeze_freeze},
    {"guest-fsfreeze-thaw", lull_command_fsfreeze_thaw, lull_hurry_any},
    {LULL_CMD_PREPARE, lull_command_prepare},
    {LULL_CMD_FREEZE, lull_command_freeze},
    {LULL_CMD_RENEW, lull_command_renew},
    {LULL_CMD_THAW, lull_command_thaw, lull_hurry_own},
    {LULL_CMD_ABORT, lull_command_abort, lull_hurry_own},
    {LULL_CMD_STATUS, lull_command_status},
    {LULL_CMD_RESTORED, lull_command_restored},
    {NULL},
};

const LullTableRow *
lull_table_rows(void)
{
    return rows;
}

const LullTableRow *
lull_table_find(const char *name)
{
    for (const LullTableRow *row = rows; row->name; row++)
        if (g_str_equal(row->name, name))
            return row;
    return NULL;
}
