/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Preloaded into an agent, and linked into a freezer, which may be static: FITHAW fails as long as the first
 * byte of the file $LULL_TEST_STUCK is an 'x'. The file is mapped at the start, so this works behind the
 * freezer's system call filter. */

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const volatile char *stuck = "";

static void __attribute__((constructor)) map(void)
{
    const char *path = getenv("LULL_TEST_STUCK");
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *bytes = fd >= 0 ? mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (bytes != MAP_FAILED)
        stuck = bytes;
    if (fd >= 0)
        (void)close(fd);
}

int
ioctl(int fd, unsigned long request, ...)
{
    va_list more;
    void *argument;

    va_start(more, request);
    argument = va_arg(more, void *);
    va_end(more);
    if (request == FITHAW && *stuck == 'x') {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_ioctl, fd, request, argument);
}
