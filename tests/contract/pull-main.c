/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/storage/pull/copy.h"
#include "coordinator/storage/pull/watchdog.h"
#include "protocol/error.h"

/* usage: pull SOCKET EXPORT BITMAP PATH CAPACITY PATIENCE-MS, "" for no bitmap
 *
 * Copies. Says "copied" or the code of the failure; the sum or the reason. */

static const char *
word_of(const GError *error)
{
    return error->domain == LULL_ERROR ? lull_error_code_to_string(error->code) : "another domain";
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *sum = NULL;
    gboolean is_copied;
    LullPullVolume volume = {0};

    if (argc > 1 && g_str_equal(argv[1], LULL_PULL_WATCHDOG_WORD))
        return lull_pull_watchdog_main(argc - 1, argv + 1);
    if (argc != 7)
        return 2;
    volume.socket = argv[1];
    volume.export = argv[2];
    volume.bitmap = *argv[3] ? argv[3] : NULL;
    volume.path = argv[4];
    volume.capacity = g_ascii_strtoull(argv[5], NULL, 10);
    volume.patience = g_ascii_strtoll(argv[6], NULL, 10) * 1000;
    is_copied = lull_pull_copy(&volume, NULL, NULL, NULL, &sum, &error);
    printf("%s\n%s\n", is_copied ? "copied" : word_of(error), is_copied ? sum : error->message);
    return is_copied ? 0 : 1;
}
