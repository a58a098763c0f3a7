/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Times guest-ping over a unix socket, or is the other end that does nothing.
 *
 * usage: bench-ping SOCKET COUNT   the median round trip of COUNT pings, in nanoseconds, on standard output
 *        bench-ping --echo SOCKET  answers every line with what an agent would answer, until it is killed */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char request[] = "{\"execute\": \"guest-ping\"}\n";
static const char answer[] = "{\"return\": {}}\n";

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "bench-ping: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static int
open_socket(const char *path, struct sockaddr_un *ret_address)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (fd < 0 || strlen(path) >= sizeof ret_address->sun_path)
        fail(path);
    strcpy(ret_address->sun_path, path);
    return fd;
}

/* Reads up to the end of a line. 0: end of file. */
static ssize_t
read_line(int fd)
{
    char buffer[4096];
    ssize_t n;

    do
        n = read(fd, buffer, sizeof buffer);
    while (n > 0 && buffer[n - 1] != '\n');
    return n;
}

static _Noreturn void
echo(const char *path)
{
    struct sockaddr_un address;
    const int listener = open_socket(path, &address);

    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0)
        fail(path);
    for (;;) {
        const int fd = accept(listener, NULL, NULL);

        while (fd >= 0 && read_line(fd) > 0 && write(fd, answer, sizeof answer - 1) > 0)
            continue;
        if (fd >= 0)
            (void)close(fd);
    }
}

static long long
now_nsec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
    const long long x = *(const long long *)a, y = *(const long long *)b;

    return x < y ? -1 : x > y;
}

static void
ping(int fd)
{
    if (write(fd, request, sizeof request - 1) != (ssize_t)sizeof request - 1 || read_line(fd) <= 0)
        fail("ping");
}

static int
measure(const char *path, size_t count)
{
    struct sockaddr_un address;
    const int fd = open_socket(path, &address);
    long long *times = calloc(count, sizeof *times);

    if (!times || !count || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        fail(path);
    for (size_t i = 0; i < count / 10; i++)
        ping(fd);
    for (size_t i = 0; i < count; i++) {
        const long long begun = now_nsec();

        ping(fd);
        times[i] = now_nsec() - begun;
    }
    qsort(times, count, sizeof *times, compare);
    printf("%lld\n", times[count / 2]);
    free(times);
    return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--echo") == 0)
        echo(argv[2]);
    if (argc == 3)
        return measure(argv[1], strtoul(argv[2], NULL, 10));
    fprintf(stderr, "usage: bench-ping SOCKET COUNT | --echo SOCKET\n");
    return 2;
}
