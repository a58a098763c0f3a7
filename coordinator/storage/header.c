/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/header.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC          0x514649fb
#define VERSION        3
#define DIRTY          (1u << 0)
#define CORRUPT        (1u << 1)
#define EXTERNAL_DATA  (1u << 2)
#define BACKING_OFFSET 8
#define BACKING_LENGTH 16
#define INCOMPATIBLE   72
#define HEADER_BYTES   104

static guint32
read_u32(const guint8 *bytes)
{
    guint32 value;

    memcpy(&value, bytes, sizeof value);
    return GUINT32_FROM_BE(value);
}

static guint64
read_u64(const guint8 *bytes)
{
    guint64 value;

    memcpy(&value, bytes, sizeof value);
    return GUINT64_FROM_BE(value);
}

static gboolean
read_header(int fd, LullImageHeader *header)
{
    guint8 bytes[HEADER_BYTES] = {0};
    guint64 offset;
    guint32 length;

    if (pread(fd, bytes, sizeof bytes, 0) < 0)
        return FALSE;
    header->is_qcow2 = read_u32(bytes) == MAGIC;
    if (!header->is_qcow2)
        return TRUE;
    offset = read_u64(bytes + BACKING_OFFSET);
    length = read_u32(bytes + BACKING_LENGTH);
    header->is_old = read_u32(bytes + 4) < VERSION;
    header->is_plain =
        header->is_old || !(read_u64(bytes + INCOMPATIBLE) & (DIRTY | CORRUPT | EXTERNAL_DATA));
    if (!offset)
        return TRUE;
    if (!length || length >= sizeof header->backing || offset > G_MAXINT32)
        return FALSE;
    return pread(fd, header->backing, length, (off_t)offset) == (ssize_t)length && *header->backing;
}

gboolean
lull_image_header_read(const char *path, LullImageHeader *ret_header)
{
    LullImageHeader header = {0};
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const gboolean ok = fd >= 0 && read_header(fd, &header);

    if (fd >= 0)
        close(fd);
    if (ok)
        *ret_header = header;
    return ok;
}

/* NULL: it is not a file of this host. */
static char *
backing_path(const char *path, const char *backing)
{
    g_autofree char *folder = g_path_get_dirname(path);

    if (g_str_has_prefix(backing, "file:"))
        backing += strlen("file:");
    if (g_path_is_absolute(backing))
        return g_strdup(backing);
    return strchr(backing, ':') ? NULL : g_build_filename(folder, backing, NULL);
}

gboolean
lull_image_behind(const char *path, char **ret_behind)
{
    LullImageHeader header = {0};
    char *behind = NULL;

    if (!lull_image_header_read(path, &header))
        return FALSE;
    if (header.is_qcow2 && *header.backing) {
        behind = backing_path(path, header.backing);
        if (!behind)
            return FALSE;
    }
    *ret_behind = behind;
    return TRUE;
}

guint64
lull_image_allocated_behind(const char *path)
{
    g_autofree char *current = g_strdup(path);
    guint64 sum = 0;

    for (guint depth = 0; depth < LULL_IMAGE_MAX_DEPTH; depth++) {
        g_autofree char *next = NULL;
        struct stat info;

        if (!lull_image_behind(current, &next))
            return G_MAXUINT64;
        if (!next)
            return sum;
        if (stat(next, &info) < 0 || !S_ISREG(info.st_mode))
            return G_MAXUINT64;
        sum += (guint64)info.st_blocks * 512;
        g_free(current);
        current = g_steal_pointer(&next);
    }
    return G_MAXUINT64;
}
