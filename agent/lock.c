/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "protocol/error.h"

#define WAIT  LULL_MSEC(2000)
#define PAUSE LULL_MSEC(10)

gboolean
lull_lock_folder(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "agent.lock", NULL);
    const gint64 until = lull_clock_boottime() + WAIT;
    int fd, r;

    if (g_mkdir_with_parents(folder, 0755) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "state folder %s: %s", folder, g_strerror(errno));
        return FALSE;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    while ((r = fd < 0 ? -1 : flock(fd, LOCK_EX | LOCK_NB)) < 0 && fd >= 0 && errno == EWOULDBLOCK &&
           lull_clock_boottime() < until)
        g_usleep(PAUSE);
    if (r == 0)
        return TRUE;
    if (fd >= 0 && errno == EWOULDBLOCK)
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_BUSY,
            "state folder %s: another lull-agent uses it; stop that, or give this one its own with -t",
            folder);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "lock %s: %s", path, g_strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return FALSE;
}
