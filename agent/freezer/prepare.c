/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/freezer/table.h"
#include "agent/freezer/wire.h"
#include "protocol/clock.h"

/* Two descriptors a mount outgrow the usual soft limit at some hundreds of mounts. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A mount point is a directory or, where a file was mounted onto a file, that file. */
static int
open_mountpoint(const char *path)
{
    const int base = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int flags = base | O_DIRECTORY | O_NOATIME;
    int fd = open(path, flags);

    if (fd < 0 && errno == ENOTDIR) {
        flags &= ~O_DIRECTORY;
        fd = open(path, flags);
    }
    if (fd < 0 && errno == EPERM) {
        flags &= ~O_NOATIME;
        fd = open(path, flags);
    }
    return fd;
}

/* 0, or why @fd is not what was planned: ESTALE where another device is mounted over it. */
static int
check_device(int fd, uint64_t device)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return errno;
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return ENOTDIR;
    return st.st_dev == device ? 0 : ESTALE;
}

static int
open_planned(LullHold *hold, uint32_t index)
{
    LullHoldMount *mount = &hold->mounts[index];
    const int fd = open_mountpoint(lull_table_path(hold, index));
    const int error = fd < 0 ? errno : check_device(fd, mount->device);

    if (!error)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    atomic_store(&mount->error, error);
    atomic_store(&mount->state, LULL_MOUNT_FAILED);
    return -1;
}

bool
lull_prepare_open(LullHold *hold, LullPrepared *ret_prepared)
{
    const size_t n = hold->n_mounts ? hold->n_mounts : 1;
    LullPrepared prepared = {.mounts = calloc(n, sizeof(int)), .counters = calloc(n, sizeof(int))};

    if (!prepared.mounts || !prepared.counters) {
        free(prepared.mounts);
        free(prepared.counters);
        return false;
    }
    raise_descriptor_limit();
    for (uint32_t i = 0; i < hold->n_mounts; i++) {
        const char *counter = lull_table_counter(hold, i);

        prepared.mounts[i] = open_planned(hold, i);
        prepared.counters[i] = counter ? open(counter, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
    }
    *ret_prepared = prepared;
    return true;
}

static bool
send_batch(const LullPrepared *prepared, uint32_t first, uint32_t count, int socket)
{
    LullWireMessage message = {.kind = LULL_WIRE_DESCRIPTORS, .first = first, .count = count};
    struct iovec iov = {.iov_base = &message, .iov_len = sizeof message};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(LULL_WIRE_BATCH * sizeof(int))];
    } control = {0};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[LULL_WIRE_BATCH];
    size_t n_fds = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (prepared->mounts[first + i] < 0)
            continue;
        message.present[i / 8] |= (uint8_t)(1u << (i % 8));
        fds[n_fds++] = prepared->mounts[first + i];
    }
    if (n_fds > 0) {
        struct cmsghdr *cmsg;

        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
    }
    return sendmsg(socket, &header, MSG_NOSIGNAL) == (ssize_t)sizeof message;
}

bool
lull_prepare_send(LullHold *hold, const LullPrepared *prepared, int socket)
{
    for (uint32_t first = 0; first < hold->n_mounts; first += LULL_WIRE_BATCH) {
        const uint32_t left = hold->n_mounts - first;

        if (!send_batch(prepared, first, left < LULL_WIRE_BATCH ? left : LULL_WIRE_BATCH, socket))
            return false;
    }
    return true;
}

void
lull_prepare_sync(LullHold *hold, const LullPrepared *prepared)
{
    for (uint32_t i = 0; i < hold->n_mounts; i++) {
        const int64_t before = lull_clock_boottime();

        /* A write error is the file system's to report at FIFREEZE, which decides. */
        if (prepared->mounts[i] >= 0)
            (void)syncfs(prepared->mounts[i]);
        atomic_store(&hold->mounts[i].sync_usec, lull_clock_boottime() - before);
    }
}
