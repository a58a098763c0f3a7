/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* usage: hangfs DIRECTORY
 *
 * A FUSE file system that can be made to hang: an empty root with one empty directory "sub". It says of
 * nothing that it may be kept, so that every step of a path is asked for again; once its process is stopped
 * (SIGSTOP), whoever takes one waits for ever. Linked statically, for the test guest. */

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOT 1
#define SUB  2

static char request[FUSE_MIN_READ_BUFFER + 65536];

static void
reply(int fd, const struct fuse_in_header *in, int error, const void *body, size_t size)
{
    struct fuse_out_header out = {
        .len = (uint32_t)(sizeof out + size), .error = -error, .unique = in->unique};
    const struct iovec parts[] = {{&out, sizeof out}, {(void *)body, size}};

    (void)!writev(fd, parts, size ? 2 : 1);
}

static struct fuse_attr
attr_of(uint64_t node)
{
    return (struct fuse_attr){.ino = node, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = 4096};
}

static void
lookup(int fd, const struct fuse_in_header *in, const char *name)
{
    const struct fuse_entry_out entry = {.nodeid = SUB, .attr = attr_of(SUB)};

    if (in->nodeid == ROOT && strcmp(name, "sub") == 0)
        reply(fd, in, 0, &entry, sizeof entry);
    else
        reply(fd, in, ENOENT, NULL, 0);
}

static void
answer(int fd, const struct fuse_in_header *in)
{
    const struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096};
    const struct fuse_attr_out attr = {.attr = attr_of(in->nodeid)};
    const struct fuse_statfs_out statfs = {.st = {.bsize = 4096, .namelen = 255, .frsize = 4096}};
    const struct fuse_open_out opened = {0};

    switch (in->opcode) {
    case FUSE_INIT:
        reply(fd, in, 0, &init, sizeof init);
        break;
    case FUSE_GETATTR:
        reply(fd, in, 0, &attr, sizeof attr);
        break;
    case FUSE_LOOKUP:
        lookup(fd, in, (const char *)(in + 1));
        break;
    case FUSE_STATFS:
        reply(fd, in, 0, &statfs, sizeof statfs);
        break;
    case FUSE_OPENDIR:
        reply(fd, in, 0, &opened, sizeof opened);
        break;
    case FUSE_READDIR:
    case FUSE_RELEASEDIR:
        reply(fd, in, 0, NULL, 0);
        break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        break;
    default:
        reply(fd, in, ENOSYS, NULL, 0);
    }
}

int
main(int argc, char **argv)
{
    const int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    char options[64];

    if (argc != 2 || fd < 0) {
        (void)fprintf(stderr, "usage: hangfs DIRECTORY, with /dev/fuse there\n");
        return 2;
    }
    (void)snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=0,group_id=0", fd);
    if (mount("hangfs", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
        perror("hangfs: mount");
        return 1;
    }
    for (;;) {
        const ssize_t n = read(fd, request, sizeof request);

        if (n >= (ssize_t)sizeof(struct fuse_in_header))
            answer(fd, (const struct fuse_in_header *)request);
        else if (n < 0 && errno != EINTR && errno != ENOENT && errno != EAGAIN)
            return 0; /* unmounted */
    }
}
