/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/init.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "protocol/clock.h"

#define NOT_STARTED 127
#define BY_SIGNAL   128

static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

typedef struct {
    pid_t child; /* 0: it has ended */
    int status;  /* then; as a shell has it */
    gint64 until;
    gint64 patience;
} Init;

static gboolean
start(Init *self, const char *path, char *const *argv, const sigset_t *mask)
{
    posix_spawnattr_t attributes;
    int problem = posix_spawnattr_init(&attributes);

    if (!problem) {
        problem = posix_spawnattr_setsigmask(&attributes, mask);
        if (!problem)
            problem = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        if (!problem)
            problem = posix_spawn(&self->child, path, NULL, &attributes, argv, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    if (problem)
        (void)fprintf(stderr, "init: cannot start %s: %s\n", path, g_strerror(problem));
    return !problem;
}

static void
note_end(Init *self, int status)
{
    self->child = 0;
    self->until = lull_clock_boottime() + self->patience;
    self->status = WIFEXITED(status) ? WEXITSTATUS(status) : BY_SIGNAL + WTERMSIG(status);
    if (WIFSIGNALED(status))
        (void)fprintf(stderr, "init: the coordinator was ended by signal %d (%s)\n", WTERMSIG(status),
                      g_strsignal(WTERMSIG(status)));
}

/* FALSE: nobody is left. */
static gboolean
reap(Init *self)
{
    for (;;) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid == 0)
            return TRUE;
        if (pid < 0 && errno != EINTR)
            return FALSE;
        if (pid > 0 && pid == self->child)
            note_end(self, status);
    }
}

/* The next signal; 0: none came while there is time. */
static int
wait_signal(const Init *self, const sigset_t *signals)
{
    const gint64 left = MAX(self->until - lull_clock_boottime(), 0);
    const struct timespec wait = {left / G_USEC_PER_SEC, left % G_USEC_PER_SEC * 1000};

    return sigtimedwait(signals, NULL, self->child ? NULL : &wait);
}

int
lull_init_run(const char *path, char *const *argv, gint64 patience_usec)
{
    Init self = {.patience = patience_usec};
    sigset_t signals;
    sigset_t before;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++)
        (void)sigaddset(&signals, ends[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, &before);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* where another is the first process */
    if (!start(&self, path, argv, &before))
        return NOT_STARTED;
    while (reap(&self)) {
        const int number = wait_signal(&self, &signals);

        if (number < 0 && errno == EAGAIN)
            break;
        if (number > 0 && number != SIGCHLD && self.child)
            (void)kill(self.child, number);
    }
    return self.status;
}

int
lull_init_main(int argc, char **argv)
{
    if (argc > 1 && g_str_equal(argv[1], LULL_INIT_WORD)) {
        (void)fprintf(stderr, "init: once is enough\n");
        return 2;
    }
    argv[0] = (char *)"lull-coordinator"; /* for those who look at processes */
    return lull_init_run("/proc/self/exe", argv, LULL_INIT_PATIENCE);
}
