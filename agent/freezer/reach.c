/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/reach.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/boot-clock.h"

#define FIRST_OTHER 3
#define DEATH_MSEC  20 /* for a child that is killed, where nothing holds it */

typedef union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
} Control;

/* Locks and ends of sockets, of which others wait to see them closed. */
static void
close_others(int keep)
{
    DIR *open_now = opendir("/proc/self/fd");

    for (const struct dirent *entry = open_now ? readdir(open_now) : NULL; entry; entry = readdir(open_now)) {
        const int fd = atoi(entry->d_name);

        if (fd >= FIRST_OTHER && fd != keep && fd != dirfd(open_now))
            (void)close(fd);
    }
    if (open_now)
        (void)closedir(open_now);
}

/* The descriptor, or the error in its place. */
static void
send_result(int socket, int fd, int error)
{
    struct iovec iov = {&error, sizeof error};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    Control control = {0};

    if (fd >= 0) {
        struct cmsghdr *cmsg;

        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
    }
    (void)sendmsg(socket, &header, MSG_NOSIGNAL);
}

static int
receive_result(int socket)
{
    int error = EIO;
    struct iovec iov = {&error, sizeof error};
    Control control = {0};
    struct msghdr header = {.msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    const struct cmsghdr *cmsg;
    int fd = -1;

    if (recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != (ssize_t)sizeof error)
        error = EIO;
    cmsg = CMSG_FIRSTHDR(&header);
    if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(cmsg), sizeof fd);
    errno = error;
    return fd;
}

bool
lull_way_begin(LullWay *ret_way, const char *path, LullReachOpen open, void *context)
{
    int pair[2];
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    child = fork();
    if (child == 0) {
        int fd;

        close_others(pair[1]);
        fd = open(path, context);
        send_result(pair[1], fd, fd < 0 ? errno : 0);
        _exit(0);
    }
    (void)close(pair[1]);
    if (child < 0) {
        const int error = errno;

        (void)close(pair[0]);
        errno = error;
        return false;
    }
    *ret_way = (LullWay){.child = child, .socket = pair[0]};
    return true;
}

int
lull_way_wait(LullWay *self, int64_t until)
{
    struct pollfd pfd = {.fd = self->socket, .events = POLLIN};
    int64_t left;
    int r;

    do {
        left = until - lull_clock_boottime();
        r = poll(&pfd, 1, left > 0 ? (int)(left / 1000) + 1 : 0);
        self->is_back = r > 0;
        if (r > 0)
            return receive_result(self->socket);
        if (r < 0 && errno != EINTR)
            return -1;
    } while (left > 0);
    errno = ETIMEDOUT;
    return -1;
}

void
lull_way_end(LullWay *self)
{
    struct pollfd over = {.fd = self->socket, .events = POLLIN};

    /* In a process that has gone to the background it is no child any more, and its number may be another's.
     */
    if (waitpid(self->child, NULL, WNOHANG) == 0) {
        (void)kill(self->child, SIGKILL);
        /* One that is stuck in the kernel becomes whoever's is there when it ends. */
        if (self->is_back || poll(&over, 1, DEATH_MSEC) > 0)
            (void)waitpid(self->child, NULL, 0);
    }
    (void)close(self->socket);
}

int
lull_reach(const char *path, LullReachOpen open, void *context, int64_t until)
{
    LullWay way;
    int fd;
    int error;

    if (lull_clock_boottime() >= until) {
        errno = ETIMEDOUT;
        return -1;
    }
    if (!lull_way_begin(&way, path, open, context))
        return -1;
    fd = lull_way_wait(&way, until);
    error = errno;
    lull_way_end(&way);
    errno = error;
    return fd;
}
