/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/image-clusters.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/qcow2-layout.h"

#define MAX_PIECES 200000

/* -1: it is not known. */
static gint64
count(int fd)
{
    const off_t cluster = (off_t)LULL_QCOW2_CLUSTER;
    off_t counted = 0; /* up to here, whole clusters */
    gint64 clusters = 0;
    off_t hole = 0;

    for (guint i = 0; i < MAX_PIECES; i++) {
        const off_t data = lseek(fd, hole, SEEK_DATA);
        off_t end;

        if (data < 0)
            return errno == ENXIO ? clusters : -1; /* there is no more */
        hole = lseek(fd, data, SEEK_HOLE);
        if (hole <= data)
            return -1;
        end = (hole + cluster - 1) / cluster;
        counted = MAX(counted, data / cluster);
        clusters += MAX(end - counted, 0);
        counted = MAX(counted, end);
    }
    return -1;
}

guint64
lull_image_clusters(const char *path)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    gint64 clusters = -1;

    if (fd < 0)
        return 0;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        clusters = count(fd);
    close(fd);
    return clusters > 0 ? (guint64)clusters * LULL_QCOW2_CLUSTER : 0;
}
