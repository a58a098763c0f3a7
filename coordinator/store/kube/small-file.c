/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/small-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/error.h"

static void
set_error(const char *path, int number, GError **error)
{
    const LullError code = number == ENOENT || number == ENOTDIR ? LULL_ERROR_NOT_FOUND
                           : number == EACCES || number == EPERM ? LULL_ERROR_DENIED
                                                                 : LULL_ERROR_FAILED;

    g_set_error(error, LULL_ERROR, (int)code, "%s: cannot be read: %s", path, g_strerror(number));
}

/* At most @max bytes; a file may grow while it is read. */
static gssize
read_all(int fd, char *bytes, gsize max)
{
    gsize have = 0;

    while (have < max) {
        const ssize_t n = read(fd, bytes + have, max - have);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (gsize)n;
    }
    return (gssize)have;
}

static char *
read_fd(int fd, const char *path, gsize max, gsize *ret_length, GError **error)
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        set_error(path, errno, error);
        return NULL;
    }
    if (!S_ISREG(status.st_mode) || (gsize)status.st_size > max) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    S_ISREG(status.st_mode) ? "%s: has more than %zu bytes"
                                            : "%s: is no regular file of at most %zu bytes",
                    path, max);
        return NULL;
    }
    g_autofree char *bytes = g_malloc((gsize)status.st_size + 1);
    const gssize length = read_all(fd, bytes, (gsize)status.st_size);
    if (length < 0) {
        set_error(path, errno, error);
        return NULL;
    }
    bytes[length] = '\0';
    if (ret_length)
        *ret_length = (gsize)length;
    return g_steal_pointer(&bytes);
}

char *
lull_small_file_read(const char *path, gsize max, gsize *ret_length, GError **error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *bytes;

    if (fd < 0) {
        set_error(path, errno, error);
        return NULL;
    }
    bytes = read_fd(fd, path, max, ret_length, error);
    (void)close(fd);
    return bytes;
}
