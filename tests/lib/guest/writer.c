/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* An application in the guest that never stops writing, and knows for how long it was stopped.
 *
 * usage: writer LOG_DIR DIR...
 *
 * For each DIR a thread appends lines "NUMBER MILLISECONDS" (monotonic clock) to DIR/seq and has each
 * on disk (fdatasync) before the next. The numbers go on where an earlier run ended, so the file is
 * whole exactly if its lines count up from 1. After each write a line "NUMBER END_USEC GAP_USEC" goes
 * to LOG_DIR/<name of DIR>, which must not be on a disk that gets frozen: GAP is the time from the end of
 * one write to the end of the next, so a stall is found there wherever it hits. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_USEC = 3000, LINE_BYTES = 64 };

typedef struct {
    const char *log_dir;
    const char *dir;
} Job;

static void
fail(const char *what, const char *name)
{
    fprintf(stderr, "writer: %s %s: %s\n", what, name, strerror(errno));
    exit(EXIT_FAILURE);
}

static long long
now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* The number of the last whole line; a torn one behind it (a power cut) is taken off. */
static unsigned long long
resume(int fd, const char *path)
{
    unsigned long long last = 0;
    char tail[4 * LINE_BYTES + 1];
    const off_t size = lseek(fd, 0, SEEK_END);
    const off_t from = size > (off_t)sizeof tail - 1 ? size - (off_t)sizeof tail + 1 : 0;
    const ssize_t n = pread(fd, tail, sizeof tail - 1, from);
    if (size < 0 || n < 0)
        fail("read", path);
    tail[n] = '\0';
    char *end = strrchr(tail, '\n');
    const off_t whole = end ? from + (end - tail) + 1 : from;
    if (whole < size && ftruncate(fd, whole) != 0)
        fail("truncate", path);
    if (end) {
        *end = '\0';
        const char *start = strrchr(tail, '\n');
        last = strtoull(start ? start + 1 : tail, NULL, 10);
    }
    return last;
}

static int
open_file(const char *dir, const char *name, int flags)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    const int fd = open(path, flags | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        fail("open", path);
    return fd;
}

static void *
write_forever(void *data)
{
    const Job *job = data;
    const char *name = strrchr(job->dir, '/') + 1;
    const int file = open_file(job->dir, "seq", O_RDWR);
    const int log = open_file(job->log_dir, name, O_WRONLY);
    const struct timespec pause = {.tv_nsec = PAUSE_USEC * 1000L};
    unsigned long long number = resume(file, job->dir);

    for (long long before = now_usec();;) {
        char line[LINE_BYTES];
        int n = snprintf(line, sizeof line, "%08llu %lld\n", ++number, now_usec() / 1000);
        if (write(file, line, n) != n || fdatasync(file) != 0)
            fail("write", job->dir);
        const long long end = now_usec();
        n = snprintf(line, sizeof line, "%llu %lld %lld\n", number, end, end - before);
        if (write(log, line, n) != n)
            fail("write", job->log_dir);
        before = end;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    pthread_t thread;

    if (argc < 3) {
        fprintf(stderr, "usage: writer LOG_DIR DIR...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        Job *job = malloc(sizeof *job);
        if (!job || !strchr(argv[i], '/'))
            fail("use", argv[i]);
        *job = (Job){.log_dir = argv[1], .dir = argv[i]};
        if (pthread_create(&thread, NULL, write_forever, job) != 0)
            fail("start thread for", argv[i]);
    }
    pthread_join(thread, NULL);
    return EXIT_FAILURE;
}
