/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/image-whole.h"

#include <string.h>

/* What qemu-img map writes: a line for each extent, { "start": 0, ..., "depth": 0, "present": true, ...}.
 * Depth 0 is the image itself, not what may be behind it. */
static gboolean
is_present(const char *line)
{
    return strstr(line, "\"depth\": 0,") && strstr(line, "\"present\": true");
}

static gboolean
all_present(GInputStream *map)
{
    g_autoptr(GDataInputStream) lines = g_data_input_stream_new(map);
    guint extents = 0;

    for (;;) {
        g_autofree char *line = g_data_input_stream_read_line(lines, NULL, NULL, NULL);

        if (!line)
            return extents > 0;
        if (!strstr(line, "\"start\""))
            continue;
        if (!is_present(line))
            return FALSE;
        extents++;
    }
}

gboolean
lull_image_is_whole(const char *path)
{
    const char *const argv[] = {"qemu-img", "map", "-f", "qcow2", "--output=json", path, NULL};
    g_autoptr(GSubprocess) process =
        g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL);
    gboolean whole;

    if (!process)
        return FALSE;
    whole = all_present(g_subprocess_get_stdout_pipe(process));
    if (!whole)
        g_subprocess_force_exit(process);
    return g_subprocess_wait(process, NULL, NULL) && whole && g_subprocess_get_successful(process);
}
