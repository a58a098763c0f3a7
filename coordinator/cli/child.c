/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/error.h"

static void
fill_set(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGCHLD);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
}

gboolean
lull_child_start(LullChild *self, char **argv, GError **error)
{
    posix_spawnattr_t attributes;
    sigset_t set, before;
    int problem;

    fill_set(&set);
    *self = (LullChild){.fd = -1};
    (void)sigprocmask(SIG_BLOCK, &set, &before);
    self->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &before);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    problem = self->fd < 0 ? errno : posix_spawn(&self->pid, argv[0], NULL, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    if (problem == 0)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s: cannot be started: %s", argv[0],
                g_strerror(problem));
    self->pid = 0;
    lull_child_wait(self);
    return FALSE;
}

static gboolean
has_ended(LullChild *self)
{
    if (self->pid && waitpid(self->pid, &self->status, WNOHANG) == self->pid)
        self->pid = 0;
    return self->pid == 0;
}

gboolean
lull_child_look(LullChild *self)
{
    struct signalfd_siginfo info;

    while (read(self->fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        self->stopped = (int)info.ssi_signo;
        /* a terminal tells both of us */
        if (self->pid && info.ssi_code != SI_KERNEL)
            (void)kill(self->pid, self->stopped);
    }
    return has_ended(self) || self->stopped;
}

void
lull_child_wait(LullChild *self)
{
    sigset_t set;

    fill_set(&set);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    if (self->fd >= 0)
        (void)close(self->fd);
    self->fd = -1;
    while (self->pid && waitpid(self->pid, &self->status, 0) < 0)
        if (errno != EINTR)
            break;
    self->pid = 0;
}

char *
lull_child_problem(const LullChild *self)
{
    if (WIFSIGNALED(self->status))
        return g_strdup_printf("signal %d (%s)", WTERMSIG(self->status), strsignal(WTERMSIG(self->status)));
    if (WEXITSTATUS(self->status))
        return g_strdup_printf("exit status %d", WEXITSTATUS(self->status));
    return NULL;
}
