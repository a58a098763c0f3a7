/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* An agent that keeps the protocol and lies.
 *
 * usage: pretender KIND PORT
 *
 *   lying        our agent: says frozen, held and thawed, and never freezes anything
 *   lying-stock  the same as qemu-ga
 *   empty        qemu-ga with nothing to freeze
 *   commandless  qemu-ga without the commands to freeze
 *   hostile      lying; and a request that /run/agent/manner names, "PART-OF-REQUEST MANNER", is met in that
 *                manner, of which /run/agent/met has a line each time
 *   hostile-stock  the same as qemu-ga */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUEST_BYTES = 65536, OP_BYTES = 64, SYNC_MARK = 0xff };

#define OURS "__dev.lull_quiesce-"
#define FILESYSTEMS                                                                         \
    "[{\"mountpoint\":\"/mnt/ext4\",\"type\":\"ext4\",\"result\":\"frozen\","               \
    "\"disks\":[{\"serial\":\"EXT4DISK\"}]},{\"mountpoint\":\"/mnt/xfs\",\"type\":\"xfs\"," \
    "\"result\":\"frozen\",\"disks\":[{\"serial\":\"XFSDISK\"}]}]"

typedef struct {
    int port;
    bool ours, freezes, hostile;
    int count; /* of file systems that it says it froze */
    bool frozen, prepared;
    char op[OP_BYTES];
} Pretender;

static const char *const stock_commands[] = {"guest-fsfreeze-freeze", "guest-fsfreeze-thaw",
                                             "guest-fsfreeze-status", "guest-get-fsinfo"};
static const char *const our_commands[] = {OURS "prepare", OURS "freeze", OURS "renew",
                                           OURS "thaw",    OURS "abort",  OURS "status"};

static void
say(const Pretender *self, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        const ssize_t n = write(self->port, text, left);

        if (n < 0 && errno != EINTR)
            exit(EXIT_FAILURE);
        text += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
}

static void
list(const Pretender *self, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        say(self, ",{\"name\":\"");
        say(self, names[i]);
        say(self, "\",\"enabled\":true,\"success-response\":true}");
    }
}

static void
tell_info(const Pretender *self)
{
    say(self, "{\"return\":{\"version\":\"10.0.2\",\"lull-version\":\"0.0.0\",\"supported_commands\":["
              "{\"name\":\"guest-ping\",\"enabled\":true,\"success-response\":true}");
    if (self->freezes)
        list(self, stock_commands, sizeof stock_commands / sizeof *stock_commands);
    if (self->ours)
        list(self, our_commands, sizeof our_commands / sizeof *our_commands);
    say(self, "]}}\n");
}

static void
tell_count(Pretender *self, bool frozen, bool counts)
{
    char text[64];

    snprintf(text, sizeof text, "{\"return\":%d}\n", counts ? self->count : 0);
    self->frozen = frozen && self->count > 0;
    say(self, text);
}

static void
tell_status(const Pretender *self)
{
    say(self, "{\"return\":{\"phase\":\"");
    say(self, self->frozen ? "frozen" : self->prepared ? "prepared" : "idle");
    say(self, "\",\"op\":\"");
    say(self, self->op);
    say(self, "\",\"boot-id\":\"boot\",\"filesystems\":" FILESYSTEMS "}}\n");
}

/* The value of a member that is a string without escapes, or a number; "" without it. */
static void
copy_member(const char *request, const char *name, char value[OP_BYTES])
{
    const char *found = strstr(request, name);
    size_t n = 0;

    if (found) {
        found += strlen(name);
        found += strspn(found, "\": ");
        n = strcspn(found, "\",} ");
    }
    n = n < OP_BYTES ? n : OP_BYTES - 1;
    memcpy(value, found ? found : "", n);
    value[n] = '\0';
}

static void
synchronize(const Pretender *self, const char *request)
{
    char id[OP_BYTES];

    copy_member(request, "\"id\"", id);
    if (strstr(request, "guest-sync-delimited"))
        say(self, (const char[]){(char)SYNC_MARK, '\0'});
    say(self, "{\"return\":");
    say(self, id);
    say(self, "}\n");
}

static bool
answer_ours(Pretender *self, const char *request)
{
    if (strstr(request, OURS "prepare")) {
        copy_member(request, "\"op\"", self->op);
        self->prepared = true;
        say(self, "{\"return\":{\"accepted\":true,\"protocol\":1}}\n");
    } else if (strstr(request, OURS "freeze")) {
        self->frozen = true;
        say(self, "{\"return\":{\"epoch\":\"0123456789abcdef0123456789abcdef\",\"boot-id\":\"boot\","
                  "\"freeze-ms\":1,\"filesystems\":" FILESYSTEMS "}}\n");
    } else if (strstr(request, OURS "renew")) {
        say(self, "{\"return\":{\"remaining-ms\":8000}}\n");
    } else if (strstr(request, OURS "thaw")) {
        self->frozen = self->prepared = false;
        say(self, "{\"return\":{\"proof\":\"held\",\"window-ms\":5,\"freeze-ms\":1,\"thaw-ms\":1,"
                  "\"filesystems\":" FILESYSTEMS ",\"writers\":[]}}\n");
    } else if (strstr(request, OURS "abort")) {
        self->frozen = self->prepared = false;
        say(self, "{\"return\":{}}\n");
    } else if (strstr(request, OURS "status")) {
        tell_status(self);
    } else {
        return false;
    }
    return true;
}

static void
answer(Pretender *self, const char *request)
{
    if (strstr(request, "\"guest-sync"))
        synchronize(self, request);
    else if (strstr(request, "\"guest-info\""))
        tell_info(self);
    else if (strstr(request, "\"guest-ping\""))
        say(self, "{\"return\":{}}\n");
    else if (strstr(request, "\"guest-fsfreeze-status\"") && self->freezes)
        say(self, self->frozen ? "{\"return\":\"frozen\"}\n" : "{\"return\":\"thawed\"}\n");
    else if (strstr(request, "\"guest-fsfreeze-freeze\"") && self->freezes)
        tell_count(self, true, true);
    else if (strstr(request, "\"guest-fsfreeze-thaw\"") && self->freezes)
        tell_count(self, false, self->frozen);
    else if (strstr(request, "\"guest-get-fsinfo\"") && self->freezes)
        say(self, "{\"return\":[]}\n");
    else if (!self->ours || !answer_ours(self, request))
        say(self,
            "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command has not been found\"}}\n");
}

/* ------- in which manner */

enum {
    LATE_SECONDS = 3,
    DEPTH = 100000,
    MARKS = 4096,
    HUGE_BYTES = 64 * 1024 * 1024,
    LONG_BYTES = 3 * 1024 * 1024, /* which libvirt passes on */
    WIDTH = 300000,               /* values that take three bytes each to tell, and hundreds to keep */
    CHUNK = 65536
};

static void
say_often(const Pretender *self, char byte, size_t times)
{
    static char chunk[CHUNK + 1];

    memset(chunk, byte, CHUNK);
    for (; times > 0; times -= strlen(chunk)) {
        chunk[times < CHUNK ? times : CHUNK] = '\0';
        say(self, chunk);
    }
}

static void
meet_late(Pretender *self, const char *request)
{
    sleep(LATE_SECONDS);
    answer(self, request);
}

static void
meet_never(Pretender *self, const char *request)
{
}

/* Every member that any answer has, none of its type. */
static void
meet_with_types(Pretender *self, const char *request)
{
    say(self, "{\"return\":{\"accepted\":\"yes\",\"protocol\":\"1\",\"phase\":7,\"op\":{},\"epoch\":[],"
              "\"proof\":true,\"supported_commands\":{},\"filesystems\":\"all\",\"writers\":5}}\n");
}

static void
meet_bare(Pretender *self, const char *request)
{
    say(self, "{\"return\":{}}\n");
}

static void
meet_twice(Pretender *self, const char *request)
{
    answer(self, request);
    answer(self, request);
}

static void
meet_endlessly(Pretender *self, const char *request)
{
    say(self, "{\"return\":\"");
    for (;;)
        say_often(self, 'x', CHUNK);
}

static void
meet_with_others(Pretender *self, const char *request)
{
    if (strstr(request, "\"guest-sync"))
        say(self, "{\"return\":4711}\n");
    else
        say(self, "{\"id\":99,\"return\":{\"accepted\":false,\"owner\":\"other\",\"phase\":\"prepared\","
                  "\"op\":\"other\",\"proof\":\"none\",\"reason\":\"no such operation\"}}\n");
}

/* As a guest that began anew in between. */
static void
meet_with_another_epoch(Pretender *self, const char *request)
{
    if (!self->ours) {
        say(self, strstr(request, "-status") ? "{\"return\":\"thawed\"}\n" : "{\"return\":0}\n");
        return;
    }
    say(self,
        "{\"return\":{\"epoch\":\"ffffffffffffffffffffffffffffffff\",\"boot-id\":\"other\",\"op\":\"other\","
        "\"proof\":\"held\",\"remaining-ms\":0,\"broken\":\"thawed under another epoch\"}}\n");
}

static void
say_string(const Pretender *self, size_t length)
{
    say(self, "{\"return\":\"");
    say_often(self, 'x', length);
    say(self, "\"}\n");
}

static void
meet_hugely(Pretender *self, const char *request)
{
    say_string(self, HUGE_BYTES);
}

static void
meet_at_length(Pretender *self, const char *request)
{
    say_string(self, LONG_BYTES);
}

static void
meet_widely(Pretender *self, const char *request)
{
    static char values[3 * WIDTH + 1];

    for (size_t i = 0; i < WIDTH; i++)
        memcpy(values + 3 * i, "{},", 4);
    say(self, "{\"return\":[");
    say(self, values);
    say(self, "{}]}\n");
}

static void
meet_deeply(Pretender *self, const char *request)
{
    say(self, "{\"return\":");
    say_often(self, '[', DEPTH);
    say_often(self, ']', DEPTH);
    say(self, "}\n");
}

static void
meet_with_marks(Pretender *self, const char *request)
{
    say_often(self, (char)SYNC_MARK, MARKS);
    answer(self, request);
}

static const struct {
    const char *name;
    void (*meet)(Pretender *self, const char *request);
} manners[] = {
    {"late", meet_late},          {"never", meet_never},      {"types", meet_with_types},
    {"bare", meet_bare},          {"twice", meet_twice},      {"endless", meet_endlessly},
    {"others", meet_with_others}, {"huge", meet_hugely},      {"epoch", meet_with_another_epoch},
    {"deep", meet_deeply},        {"marks", meet_with_marks}, {"long", meet_at_length},
    {"wide", meet_widely},
};

static void
note(const char *manner)
{
    FILE *file = fopen("/run/agent/met", "a");

    if (file) {
        fprintf(file, "%s\n", manner);
        fclose(file);
    }
}

static void
meet(Pretender *self, const char *request)
{
    char part[OP_BYTES] = "";
    char manner[OP_BYTES] = "";
    FILE *file = self->hostile ? fopen("/run/agent/manner", "r") : NULL;

    if (file) {
        (void)!fscanf(file, "%63s %63s", part, manner);
        fclose(file);
    }
    for (size_t i = 0; *part && strstr(request, part) && i < sizeof manners / sizeof *manners; i++)
        if (strcmp(manners[i].name, manner) == 0) {
            note(manner);
            manners[i].meet(self, request);
            return;
        }
    answer(self, request);
}

/* Nobody connected is end of file, until somebody is. */
static void
serve(Pretender *self)
{
    static char buffer[REQUEST_BYTES + 1];
    size_t size = 0;

    for (;;) {
        const ssize_t n = read(self->port, buffer + size, REQUEST_BYTES - size);
        char *end = NULL;

        if (n <= 0) {
            if (n < 0 && errno != EINTR && errno != EAGAIN)
                exit(EXIT_FAILURE);
            poll(NULL, 0, 20);
            continue;
        }
        size += (size_t)n;
        buffer[size] = '\0';
        while ((end = memchr(buffer, '\n', size))) {
            *end = '\0';
            if (end > buffer)
                meet(self, buffer);
            size -= (size_t)(end + 1 - buffer);
            memmove(buffer, end + 1, size);
        }
        if (size == REQUEST_BYTES)
            size = 0;
    }
}

int
main(int argc, char **argv)
{
    Pretender self = {.count = 2, .freezes = true};

    if (argc != 3) {
        fprintf(stderr, "usage: pretender KIND PORT\n");
        return 2;
    }
    self.hostile = strncmp(argv[1], "hostile", strlen("hostile")) == 0;
    if (strcmp(argv[1], "hostile") == 0 || strcmp(argv[1], "lying") == 0)
        self.ours = true;
    else if (strcmp(argv[1], "empty") == 0)
        self.count = 0;
    else if (strcmp(argv[1], "commandless") == 0)
        self.freezes = false;
    else if (strcmp(argv[1], "lying-stock") != 0 && strcmp(argv[1], "hostile-stock") != 0)
        return 2;
    self.port = open(argv[2], O_RDWR | O_CLOEXEC);
    if (self.port < 0)
        return EXIT_FAILURE;
    serve(&self);
}
