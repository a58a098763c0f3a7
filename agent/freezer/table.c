/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

size_t
lull_table_mounts_end(uint32_t n_mounts)
{
    return sizeof(LullHold) + n_mounts * sizeof(LullHoldMount);
}

static bool
name_is_inside(const LullHold *hold, uint32_t offset)
{
    return offset >= lull_table_mounts_end(hold->n_mounts) && offset < hold->size &&
           memchr((const char *)hold + offset, 0, hold->size - offset);
}

static bool
table_is_sound(const LullHold *hold, size_t size)
{
    if (hold->magic != LULL_TABLE_MAGIC || hold->size != size || hold->n_mounts > LULL_TABLE_MOUNTS_LIMIT ||
        lull_table_mounts_end(hold->n_mounts) > size)
        return false;
    for (uint32_t i = 0; i < hold->n_mounts; i++) {
        const LullHoldMount *mount = &hold->mounts[i];

        if (!name_is_inside(hold, mount->path_offset))
            return false;
        if (mount->counter_offset && !name_is_inside(hold, mount->counter_offset))
            return false;
    }
    return true;
}

LullHold *
lull_table_map(int fd)
{
    struct stat st;
    LullHold *hold;
    size_t size;

    if (fstat(fd, &st) < 0)
        return NULL;
    size = (size_t)st.st_size;
    if (size < sizeof(LullHold)) {
        errno = EINVAL;
        return NULL;
    }
    hold = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (hold == MAP_FAILED)
        return NULL;
    if (!table_is_sound(hold, size)) {
        (void)munmap(hold, size);
        errno = EINVAL;
        return NULL;
    }
    return hold;
}

void
lull_table_unmap(LullHold *hold)
{
    if (hold)
        (void)munmap(hold, hold->size);
}

const char *
lull_table_path(const LullHold *hold, uint32_t index)
{
    return (const char *)hold + hold->mounts[index].path_offset;
}

const char *
lull_table_counter(const LullHold *hold, uint32_t index)
{
    const uint32_t offset = hold->mounts[index].counter_offset;

    return offset ? (const char *)hold + offset : NULL;
}
