/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/error.h"

/* Nobody else makes /run/lull on a fresh boot. */
static int
open_pidfile(const char *pidfile)
{
    g_autofree char *folder = g_path_get_dirname(pidfile);

    return g_mkdir_with_parents(folder, 0755) < 0 ? -1 : open(pidfile, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

/* The lock is the owner's mark: it stays open, and locked, as long as the process lives. */
static gboolean
lock_pidfile(const char *pidfile, GError **error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = open_pidfile(pidfile);
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());

    if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || ftruncate(fd, 0) < 0 || dprintf(fd, "%s", text) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "pid file %s: %s", pidfile, g_strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return FALSE;
    }
    return TRUE;
}

static void
leave_terminal(void)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)umask(077);
    (void)setsid();
    if (chdir("/") < 0 || null < 0)
        return;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
    (void)close(null);
}

gboolean
lull_background_enter(const char *pidfile, GError **error)
{
    int ready[2];
    char byte;
    pid_t child;

    if (pipe2(ready, O_CLOEXEC) < 0 || (child = fork()) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "go to the background: %s", g_strerror(errno));
        return FALSE;
    }
    if (child > 0) {
        (void)close(ready[1]);
        _exit(read(ready[0], &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    (void)close(ready[0]);
    if (!lock_pidfile(pidfile, error)) {
        (void)close(ready[1]);
        return FALSE;
    }
    leave_terminal();
    if (write(ready[1], "", 1) != 1)
        g_warning("nobody waits for the background process");
    (void)close(ready[1]);
    return TRUE;
}
