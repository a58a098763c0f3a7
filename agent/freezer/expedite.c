/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/expedite.h"

#include <fcntl.h>
#include <unistd.h>

int
lull_expedite_open(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    char value = '\0';

    if (fd >= 0 && (pread(fd, &value, 1, 0) != 1 || value != '0')) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

void
lull_expedite_set(int fd, bool on)
{
    if (fd >= 0)
        (void)!pwrite(fd, on ? "1" : "0", 1, 0);
}
