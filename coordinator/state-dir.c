/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/state-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/error.h"

#define STATE_MODE 0711

gboolean
lull_make_directory(const char *path, int mode, GError **error)
{
    if (g_mkdir_with_parents(path, mode) == 0)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "cannot make %s: %s", path, g_strerror(errno));
    return FALSE;
}

/* QEMU, which often runs as a user of its own, has to get through to the files that it copies into, whatever
 * the umask or an earlier version left. Who may not read the directory cannot list it. */
static gboolean
make_state_directory(const char *path, GError **error)
{
    if (!lull_make_directory(path, STATE_MODE, error))
        return FALSE;
    if (chmod(path, STATE_MODE) == 0)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "cannot change the mode of %s: %s", path,
                g_strerror(errno));
    return FALSE;
}

int
lull_state_dir_take(const char *path, GError **error)
{
    g_autofree char *lock = g_build_filename(path, "lock", NULL);
    int fd = -1;

    if (!make_state_directory(path, error))
        return -1;
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0 && errno == EWOULDBLOCK)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "another lull-coordinator works on %s: stop it, or give this one another --state-dir",
                    path);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "cannot lock %s: %s", lock, g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}
