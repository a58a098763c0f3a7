/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/table-create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/freezer/table.h"
#include "protocol/error.h"

static size_t
name_size(const char *name)
{
    return name ? strlen(name) + 1 : 0;
}

static uint32_t
name_put(LullHold *hold, size_t *offset, const char *name)
{
    const size_t at = *offset;

    if (!name)
        return 0;
    memcpy((char *)hold + at, name, name_size(name));
    *offset += name_size(name);
    return (uint32_t)at;
}

static void
table_fill(LullHold *hold, size_t size, const LullFreezerMount *mounts, guint n_mounts)
{
    size_t offset = lull_table_mounts_end(n_mounts);

    hold->magic = LULL_TABLE_MAGIC;
    hold->n_mounts = n_mounts;
    hold->size = size;
    for (guint i = 0; i < n_mounts; i++) {
        LullHoldMount *mount = &hold->mounts[i];

        mount->device = mounts[i].device;
        mount->level = mounts[i].level;
        mount->may_hang = mounts[i].may_hang;
        mount->path_offset = name_put(hold, &offset, mounts[i].mountpoint);
        mount->counter_offset = name_put(hold, &offset, mounts[i].counter);
        atomic_init(&mount->writes_frozen, -1);
        atomic_init(&mount->writes_thaw, -1);
    }
}

LullHold *
lull_table_create(const LullFreezerMount *mounts, guint n_mounts, int *ret_fd, GError **error)
{
    size_t size = lull_table_mounts_end(n_mounts);
    LullHold *hold;
    int fd;

    if (n_mounts > LULL_TABLE_MOUNTS_LIMIT) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "%u file systems: at most %d can be frozen at once; name those that matter", n_mounts,
                    LULL_TABLE_MOUNTS_LIMIT);
        return NULL;
    }
    for (guint i = 0; i < n_mounts; i++)
        size += name_size(mounts[i].mountpoint) + name_size(mounts[i].counter);

    fd = memfd_create("lull-hold", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        goto fail;
    hold = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (hold == MAP_FAILED)
        goto fail;
    /* A page that has to be fetched while frozen may wait for what is frozen. */
    if (mlock(hold, size) < 0) {
        (void)munmap(hold, size);
        goto fail;
    }
    table_fill(hold, size, mounts, n_mounts);
    *ret_fd = fd;
    return hold;

fail:
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "memory shared with lull-freezer: %s",
                g_strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}
