/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/freezer/reach.h"
#include "agent/freezer/table.h"
#include "protocol/boot-clock.h"

#define REACH_ONE_USEC 1000000 /* for one whose way may hang */
#define REACH_ALL_USEC 3000000 /* for all of them: who prepares for a standard freeze has 5 s */

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
open_in_child(const char *path, void *context)
{
    return open_mountpoint(path);
}

static int
open_planned(LullHold *hold, uint32_t index, int64_t reach_until)
{
    LullHoldMount *mount = &hold->mounts[index];
    const char *path = lull_table_path(hold, index);
    const int fd =
        mount->may_hang ? lull_reach(path, open_in_child, NULL, reach_until) : open_mountpoint(path);
    const int error = fd < 0 ? errno : check_device(fd, mount->device);

    if (!error)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    atomic_store(&mount->error, error);
    atomic_store(&mount->state, LULL_MOUNT_FAILED);
    return -1;
}

/* Those last, so that they take nothing from the others. */
static void
reach(LullHold *hold, int *mounts)
{
    const int64_t until = lull_clock_boottime() + REACH_ALL_USEC;

    for (uint32_t i = 0; i < hold->n_mounts; i++) {
        const int64_t now = lull_clock_boottime();

        if (hold->mounts[i].may_hang)
            mounts[i] = open_planned(hold, i, now + REACH_ONE_USEC < until ? now + REACH_ONE_USEC : until);
    }
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

        prepared.mounts[i] = hold->mounts[i].may_hang ? -1 : open_planned(hold, i, 0);
        prepared.counters[i] = counter ? open(counter, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
    }
    reach(hold, prepared.mounts);
    *ret_prepared = prepared;
    return true;
}

void
lull_prepare_sync(LullHold *hold, const LullPrepared *prepared, uint32_t index)
{
    const int64_t before = lull_clock_boottime();

    /* A write error is the file system's to report at FIFREEZE, which decides. */
    if (prepared->mounts[index] >= 0)
        (void)syncfs(prepared->mounts[index]);
    atomic_store(&hold->mounts[index].sync_usec, lull_clock_boottime() - before);
}
