/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/places.h"

#include <unistd.h>

char *
lull_place_uri(void)
{
    return g_strdup(geteuid() == 0 ? "qemu:///system" : "qemu:///session");
}

char *
lull_place_state_dir(void)
{
    return geteuid() == 0 ? g_strdup("/var/lib/lull") : g_build_filename(g_get_user_data_dir(), "lull", NULL);
}

char *
lull_place_runtime_dir(void)
{
    return geteuid() == 0 ? g_strdup("/run/lull") : g_build_filename(g_get_user_runtime_dir(), "lull", NULL);
}
