/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "protocol/boot-clock.h"
#include "protocol/clock.h"

#define CONNECTION 3
#define LOOK_MS    100
#define BEAT_USEC  LULL_MSEC(LOOK_MS / 2) /* signs that come faster say no more */

struct _LullPullWatchdog {
    pid_t process; /* 0: none */
    int beats;
    gint64 beaten_at;
};

/* Everything else that is open closes with the exec. */
static int
spawn(pid_t *ret_process, int connection, int beats, const char *copy)
{
    char *argv[] = {(char *)"/proc/self/exe", (char *)LULL_PULL_WATCHDOG_WORD, (char *)copy, NULL};
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc)
        return rc;
    rc = posix_spawn_file_actions_adddup2(&actions, beats, STDIN_FILENO);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, connection, CONNECTION);
    if (!rc)
        rc = posix_spawn(ret_process, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

LullPullWatchdog *
lull_pull_watchdog_new(int connection, const char *copy, GError **error)
{
    g_autoptr(LullPullWatchdog) self = g_new0(LullPullWatchdog, 1);
    int pipe[2];
    int rc;

    self->beats = -1;
    if (!g_unix_open_pipe(pipe, FD_CLOEXEC, error))
        return NULL;
    self->beats = pipe[1];
    rc = spawn(&self->process, connection, pipe[0], copy);
    close(pipe[0]);
    if (rc)
        lull_folder_errno(error, rc, "starting", "the watchdog of a connection to QEMU");
    return !rc && g_unix_set_fd_nonblocking(self->beats, TRUE, error) ? g_steal_pointer(&self) : NULL;
}

void
lull_pull_watchdog_beat(LullPullWatchdog *self)
{
    const gint64 now = lull_clock_boottime();

    if (now - self->beaten_at < BEAT_USEC)
        return;
    self->beaten_at = now;
    /* A full pipe says enough, and nobody at its other end is nothing that a reader could mend. */
    (void)!write(self->beats, "", 1);
}

void
lull_pull_watchdog_free(LullPullWatchdog *self)
{
    if (!self)
        return;
    if (self->beats >= 0)
        close(self->beats);
    if (self->process) { /* which may stand still itself */
        (void)kill(self->process, SIGKILL);
        (void)waitpid(self->process, NULL, 0);
    }
    g_free(self);
}

guint
lull_pull_watchdog_count(guint before, gboolean beat, gboolean waiting)
{
    return waiting && !beat ? before + 1 : 0;
}

/* The other side. */

static gboolean
is_waiting(void)
{
    struct pollfd fd = {.fd = CONNECTION, .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

/* FALSE: the reader is gone. */
static gboolean
take_beats(gboolean *beat)
{
    char signs[256];
    const ssize_t n = read(STDIN_FILENO, signs, sizeof(signs));

    *beat |= n > 0;
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Until it is to be shut. */
static void
keep_watch(const char *copy)
{
    guint looks = 0;

    while (looks < LULL_PULL_WATCHDOG_LOOKS) {
        struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
        gboolean beat = FALSE;

        (void)poll(&fd, 1, LOOK_MS);
        if (fd.revents && !take_beats(&beat))
            return;
        looks = lull_pull_watchdog_count(looks, beat, is_waiting());
    }
    g_printerr(
        "%s: its reader takes no answers: the connection to QEMU is shut, so that the guest need not wait\n",
        copy);
}

/* QEMU waits until it can write, and hears of nothing else meanwhile: so what it has written already has to
 * go. After the shutdown nothing is added. */
static gboolean
shut(void)
{
    char answers[4096];
    ssize_t n;

    if (shutdown(CONNECTION, SHUT_RDWR) < 0)
        return errno == ENOTCONN;
    do
        n = recv(CONNECTION, answers, sizeof(answers), MSG_DONTWAIT);
    while (n > 0 || (n < 0 && errno == EINTR));
    return n == 0;
}

int
lull_pull_watchdog_main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    keep_watch(argv[1]);
    return shut() ? EXIT_SUCCESS : EXIT_FAILURE;
}
