/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/relay.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/guest/gate.h"
#include "tests/lib/check-main.h"

/* Both ends of a connection that is made: libvirt's client, and a daemon. */
static int client = -1;
static int daemon_end = -1;

#define CALL    0
#define REPLY   1
#define MESSAGE 2

static int
connect_to(int place)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", place);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void
setup(void)
{
    int pair[2];
    LullRelay *relay;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    relay = lull_relay_start(pair[0], "a daemon", NULL);
    ck_assert_ptr_nonnull(relay);
    daemon_end = pair[1];
    client = connect_to(lull_relay_socket(relay));
    ck_assert_ptr_null(lull_relay_done(relay, TRUE));
}

static void
hang_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void
teardown(void)
{
    hang_up(&client);
    hang_up(&daemon_end);
}

static GByteArray *
message(guint32 type, guint32 body)
{
    const guint32 words[] = {LULL_GATE_HEAD + body, 0x20008086U, 1, 7, type, 1, 0};
    GByteArray *bytes = g_byte_array_new();

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        const guint32 word = GUINT32_TO_BE(words[i]);
        g_byte_array_append(bytes, (const guint8 *)&word, sizeof word);
    }
    g_byte_array_set_size(bytes, LULL_GATE_HEAD + body);
    memset(bytes->data + LULL_GATE_HEAD, 'x', body);
    return bytes;
}

/* As much as is taken: until there is no room for a while. */
static gsize
stuff(int fd, const GByteArray *bytes)
{
    gsize sent = 0;

    while (sent < bytes->len) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        ssize_t n;

        if (poll(&room, 1, 300) <= 0)
            break;
        n = send(fd, bytes->data + sent, bytes->len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        ck_assert_int_gt(n, 0);
        sent += (gsize)n;
    }
    return sent;
}

/* Up to the end, which must come soon. */
static gsize
read_all(int fd)
{
    char bytes[4096];
    gsize all = 0;

    for (;;) {
        struct pollfd some = {.fd = fd, .events = POLLIN};
        ssize_t n;

        ck_assert_msg(poll(&some, 1, 5000) == 1, "no end after %zu bytes", all);
        n = read(fd, bytes, sizeof bytes);
        if (n <= 0)
            return all;
        all += (gsize)n;
    }
}

static gint64
processor_usec(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (gint64)time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

static void
assert_costs_nothing(void)
{
    const gint64 before = processor_usec();

    g_usleep(G_USEC_PER_SEC / 2);
    ck_assert_int_lt(processor_usec() - before, G_USEC_PER_SEC / 10);
}

static void
exchange_a_call(void)
{
    g_autoptr(GByteArray) call = message(CALL, 10);
    g_autofree guint8 *got = g_malloc(call->len);

    ck_assert_uint_eq(stuff(client, call), call->len);
    ck_assert_int_eq(recv(daemon_end, got, call->len, MSG_WAITALL), call->len);
    ck_assert_mem_eq(got, call->data, call->len);
}

START_TEST(a_call_and_its_answer_pass)
{
    g_autoptr(GByteArray) reply = message(REPLY, 20);

    exchange_a_call();
    ck_assert_uint_eq(stuff(daemon_end, reply), reply->len);
    hang_up(&daemon_end);
    ck_assert_uint_eq(read_all(client), reply->len);
}
END_TEST

START_TEST(a_client_that_hangs_up_ends_it_also_where_the_daemon_takes_nothing)
{
    g_autoptr(GByteArray) much = message(MESSAGE, 4 * 1024 * 1024);
    struct pollfd end = {.fd = daemon_end}; /* as it is told to one that reads nothing */

    ck_assert_uint_lt(stuff(client, much), much->len);
    hang_up(&client);
    ck_assert_int_eq(poll(&end, 1, 5000), 1);
    ck_assert(end.revents & POLLHUP);
}
END_TEST

START_TEST(waiting_for_a_daemon_that_takes_nothing_costs_nothing)
{
    g_autoptr(GByteArray) much = message(MESSAGE, 4 * 1024 * 1024);

    ck_assert_uint_lt(stuff(client, much), much->len);
    assert_costs_nothing();
    ck_assert_int_eq(shutdown(daemon_end, SHUT_RDWR), 0);
    read_all(client); /* an end: nobody has said anything */
}
END_TEST

START_TEST(a_daemon_that_hangs_up_in_its_answer_is_heard_out)
{
    g_autoptr(GByteArray) reply = message(REPLY, 4 * 1024 * 1024);
    gsize sent;

    exchange_a_call();
    sent = stuff(daemon_end, reply); /* nobody reads yet */
    ck_assert_uint_lt(sent, reply->len);
    hang_up(&daemon_end);
    assert_costs_nothing();
    ck_assert_uint_eq(read_all(client), sent);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("relay");
    TCase *tcase = tcase_create("relay");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_call_and_its_answer_pass);
    tcase_add_test(tcase, a_client_that_hangs_up_ends_it_also_where_the_daemon_takes_nothing);
    tcase_add_test(tcase, waiting_for_a_daemon_that_takes_nothing_costs_nothing);
    tcase_add_test(tcase, a_daemon_that_hangs_up_in_its_answer_is_heard_out);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
