/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

/* From now on what is temporary is in memory, where there is such a place: a store of many short lives waits
 * for no disk. */
static inline void
use_memory(void)
{
    if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
        g_setenv("TMPDIR", "/dev/shm", TRUE);
}
