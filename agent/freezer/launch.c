/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/freezer/wire.h"
#include "protocol/error.h"

static char *
default_program(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self ? g_path_get_dirname(self) : NULL;
    g_autofree char *beside = folder ? g_build_filename(folder, "lull-freezer", NULL) : NULL;

    if (beside && g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer(&beside);
    return g_strdup(LULL_FREEZER_PATH);
}

static int
spawn(const char *program, const int *sources, int n_sources, pid_t *ret_pid)
{
    char *argv[] = {(char *)program, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    int error = 0;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attr);
    (void)sigemptyset(&none);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    for (int i = 0; i < n_sources && !error; i++)
        error = posix_spawn_file_actions_adddup2(&actions, sources[i], LULL_WIRE_FD_SOCKET + i);
    /* Whatever else has the number of the marker that there is not must not be taken for it. */
    for (int fd = LULL_WIRE_FD_SOCKET + n_sources; fd < LULL_WIRE_FD_FIRST_FREE && !error; fd++)
        error = posix_spawn_file_actions_addclose(&actions, fd);
    if (!error)
        error = posix_spawn(ret_pid, program, &actions, &attr, argv, environ);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

gboolean
lull_freezer_launch(const char *program, int table_fd, int marker_fd, pid_t *ret_pid, int *ret_socket,
                    GError **error)
{
    g_autofree char *found = program ? g_strdup(program) : default_program();
    const int given[] = {-1, table_fd, marker_fd};
    int sources[G_N_ELEMENTS(given)];
    int n_sources = 0;
    int pair[2];
    int r = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "socket pair for lull-freezer: %s",
                    g_strerror(errno));
        return FALSE;
    }
    /* Out of the way of the numbers that they are to get. */
    for (int i = 0; i < (marker_fd >= 0 ? 3 : 2) && !r; i++) {
        sources[i] = fcntl(i == 0 ? pair[1] : given[i], F_DUPFD_CLOEXEC, LULL_WIRE_FD_FIRST_FREE);
        if (sources[i] < 0)
            r = errno;
        else
            n_sources++;
    }
    if (!r)
        r = spawn(found, sources, n_sources, ret_pid);
    for (int i = 0; i < n_sources; i++)
        (void)close(sources[i]);
    (void)close(pair[1]);
    if (r) {
        (void)close(pair[0]);
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "start %s: %s", found, g_strerror(r));
        return FALSE;
    }
    *ret_socket = pair[0];
    return TRUE;
}
