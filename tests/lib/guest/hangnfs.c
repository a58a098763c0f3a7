/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* usage: hangnfs DIRECTORY
 *
 * An NFS server (version 3, over TCP, for this machine only) that can be made to hang, and its export mounted
 * on DIRECTORY: an empty root with one empty directory "sub". The client keeps nothing, so that every step of
 * a path is asked for again; once this process is stopped (SIGSTOP), whoever takes one waits for ever. Linked
 * statically, for the test guest. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT = 2049, CLIENTS = 8, RECORD = 65536 };
enum { PROGRAM_NFS = 100003, PROGRAM_MOUNT = 100005 };
enum { MOUNT_MNT = 1 };
enum {
    GETATTR = 1,
    LOOKUP = 3,
    ACCESS = 4,
    READDIR = 16,
    READDIRPLUS = 17,
    FSSTAT = 18,
    FSINFO = 19,
    PATHCONF = 20
};
enum { ROOT = 1, SUB = 2 };
enum { NO_ENTRY = 2, DIRECTORY = 2, LAST_FRAGMENT = 1U << 31 };

static const char options[] =
    "vers=3,proto=tcp,port=2049,mountproto=tcp,mountport=2049,mountvers=3,nolock,noacl,noac,"
    "lookupcache=none,hard,addr=127.0.0.1,mountaddr=127.0.0.1";

static uint32_t request[RECORD / sizeof(uint32_t)];
static uint32_t reply[256];
static size_t n_reply; /* words */

static void
put(uint32_t value)
{
    reply[n_reply++] = htonl(value);
}

static void
put_long(uint64_t value)
{
    put((uint32_t)(value >> 32));
    put((uint32_t)value);
}

static void
put_handle(uint32_t node)
{
    put(sizeof node);
    put(node);
}

static void
put_attributes(uint32_t node)
{
    put(DIRECTORY);
    put(0755);
    put(2); /* links */
    put(0); /* owner, group */
    put(0);
    put_long(4096); /* size, used, device, file system */
    put_long(4096);
    put_long(0);
    put_long(1);
    put_long(node);
    for (int i = 0; i < 3; i++) /* times */
        put_long(1);
}

/* Where they may be left out. */
static void
put_some_attributes(uint32_t node)
{
    put(1);
    put_attributes(node);
}

/* The answer to a call about @node; what follows its handle is in @rest. 0: there is none. */
static int
serve_nfs(uint32_t procedure, uint32_t node, const uint32_t *rest)
{
    const int is_sub = ntohl(rest[0]) == 3 && memcmp(rest + 1, "sub", 3) == 0;

    if (procedure == LOOKUP && (node != ROOT || !is_sub)) {
        put(NO_ENTRY);
        put_some_attributes(node);
        return 1;
    }
    put(0);
    if (procedure == LOOKUP)
        put_handle(SUB);
    if (procedure == GETATTR)
        put_attributes(node);
    else
        put_some_attributes(procedure == LOOKUP ? SUB : node);
    switch (procedure) {
    case GETATTR:
        return 1;
    case LOOKUP:
        put_some_attributes(node);
        return 1;
    case ACCESS:
        put(ntohl(rest[0]));
        return 1;
    case READDIR:
    case READDIRPLUS:
        put_long(0);
        put(0); /* no entry */
        put(1); /* and that was all */
        return 1;
    case FSSTAT:
        for (int i = 0; i < 6; i++)
            put_long(1 << 20);
        put(0);
        return 1;
    case FSINFO:
        for (int i = 0; i < 7; i++)
            put(4096); /* sizes to read and write in */
        put_long(1 << 20);
        put_long(1);
        put(0);
        return 1;
    case PATHCONF:
        put(1);
        put(255);
        for (int i = 0; i < 4; i++)
            put(1);
        return 1;
    default:
        return 0;
    }
}

/* What a call says begins after who calls: two times a kind and a length. */
static const uint32_t *
skip_callers(const uint32_t *at)
{
    for (int i = 0; i < 2; i++)
        at += 2 + (ntohl(at[1]) + 3) / 4;
    return at;
}

static void
begin_reply(uint32_t state)
{
    n_reply = 1; /* its length stands before it */
    reply[n_reply++] = request[0];
    put(1); /* a reply, accepted, signed by nobody */
    put(0);
    put(0);
    put(0);
    put(state);
}

static void
answer(int fd)
{
    const uint32_t program = ntohl(request[3]), procedure = ntohl(request[5]);
    const uint32_t *arguments = skip_callers(request + 6);
    int known = procedure == 0;

    begin_reply(0);
    if (program == PROGRAM_MOUNT && procedure == MOUNT_MNT) {
        put(0);
        put_handle(ROOT);
        put(1); /* way to say who one is: as a unix user */
        put(1);
        known = 1;
    } else if (program == PROGRAM_NFS && procedure) {
        known = serve_nfs(procedure, ntohl(arguments[1]), arguments + 2);
    }
    if (!known)
        begin_reply(3); /* no such procedure */
    reply[0] = htonl(LAST_FRAGMENT | (uint32_t)((n_reply - 1) * sizeof *reply));
    (void)!send(fd, reply, n_reply * sizeof *reply, MSG_NOSIGNAL);
}

/* 0: the client has gone. */
static int
serve(int fd)
{
    uint32_t head;

    if (recv(fd, &head, sizeof head, MSG_WAITALL) != sizeof head)
        return 0;
    const uint32_t size = ntohl(head) & ~LAST_FRAGMENT;
    if (size < 10 * sizeof *request || size > sizeof request ||
        recv(fd, request, size, MSG_WAITALL) != (ssize_t)size)
        return 0;
    answer(fd);
    return 1;
}

static int
listen_here(void)
{
    const struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof here) < 0 || listen(fd, CLIENTS) < 0) {
        perror("hangnfs: listen");
        exit(1);
    }
    return fd;
}

/* The kernel asks us while it mounts. */
static void
mount_on(const char *directory)
{
    if (fork() != 0)
        return;
    if (mount("127.0.0.1:/", directory, "nfs", 0, options) < 0) {
        perror("hangnfs: mount");
        _exit(1);
    }
    _exit(0);
}

int
main(int argc, char **argv)
{
    struct pollfd fds[1 + CLIENTS] = {{.events = POLLIN}};
    nfds_t n = 1;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: hangnfs DIRECTORY\n");
        return 2;
    }
    (void)signal(SIGCHLD, SIG_IGN); /* who mounts ends by itself */
    fds[0].fd = listen_here();
    mount_on(argv[1]);
    while (poll(fds, n, -1) >= 0 || errno == EINTR) {
        if ((fds[0].revents & POLLIN) && n < 1 + CLIENTS)
            fds[n++] = (struct pollfd){.fd = accept(fds[0].fd, NULL, NULL), .events = POLLIN};
        for (nfds_t i = 1; i < n; i++) {
            if (!fds[i].revents || serve(fds[i].fd))
                continue;
            (void)close(fds[i].fd);
            fds[i--] = fds[--n];
        }
    }
    return 1;
}
