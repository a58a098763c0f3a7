/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/check-main.h"

#define N 300

static int pair[2];
static int came[N];

static void
setup(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    for (int i = 0; i < N; i++)
        came[i] = -1;
}

static void
teardown(void)
{
    for (int i = 0; i < N; i++) {
        if (came[i] >= 0)
            close(came[i]);
    }
    close(pair[0]);
    close(pair[1]);
}

static ino_t
inode_of(int fd)
{
    struct stat st;

    ck_assert_int_eq(fstat(fd, &st), 0);
    return st.st_ino;
}

START_TEST(each_arrives_in_its_place_and_the_missing_ones_stay_missing)
{
    LullWireMessage message;
    int files[3], sent[N];

    for (int i = 0; i < 3; i++)
        files[i] = memfd_create("place", MFD_CLOEXEC);
    for (int i = 0; i < N; i++)
        sent[i] = i % 7 == 5 ? -1 : files[i % 3];
    ck_assert(lull_descriptors_send(pair[0], sent, N));
    while (lull_descriptors_receive(pair[1], &message, came, N) == 1)
        ck_assert_uint_eq(message.kind, LULL_WIRE_DESCRIPTORS);
    ck_assert_int_eq(errno, EAGAIN);

    for (int i = 0; i < N; i++) {
        if (sent[i] < 0) {
            ck_assert_int_eq(came[i], -1);
            continue;
        }
        ck_assert_int_ne(came[i], sent[i]);
        ck_assert_uint_eq(inode_of(came[i]), inode_of(sent[i]));
        ck_assert_int_eq(fcntl(came[i], F_GETFD), FD_CLOEXEC);
    }
    for (int i = 0; i < 3; i++)
        close(files[i]);
}
END_TEST

START_TEST(what_has_no_place_is_closed)
{
    LullWireMessage message;
    const int sent[] = {pair[0], pair[0], pair[0]};
    const int next = dup(pair[0]);

    close(next);
    ck_assert(lull_descriptors_send(pair[0], sent, 3));
    ck_assert_int_eq(lull_descriptors_receive(pair[1], &message, came, 1), 1);
    ck_assert_int_eq(came[0], next);
    ck_assert_int_eq(fcntl(next + 1, F_GETFD), -1);
    ck_assert_int_eq(fcntl(next + 2, F_GETFD), -1);
}
END_TEST

START_TEST(a_message_of_another_size_is_not_ours)
{
    LullWireMessage message;

    ck_assert_int_eq(send(pair[0], "short", 5, 0), 5);
    ck_assert_int_eq(lull_descriptors_receive(pair[1], &message, came, N), -1);
    ck_assert_int_eq(errno, EPROTO);
}
END_TEST

START_TEST(end_of_file_is_told_from_nothing_yet)
{
    LullWireMessage message;

    ck_assert_int_eq(lull_descriptors_receive(pair[1], &message, came, N), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(shutdown(pair[0], SHUT_WR), 0);
    ck_assert_int_eq(lull_descriptors_receive(pair[1], &message, came, N), 0);
}
END_TEST

START_TEST(nothing_to_send_is_no_message)
{
    LullWireMessage message;

    ck_assert(lull_descriptors_send(pair[0], NULL, 0));
    ck_assert_int_eq(lull_descriptors_receive(pair[1], &message, came, N), -1);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("agent-freezer-descriptors");
    TCase *tcase = tcase_create("descriptors");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_arrives_in_its_place_and_the_missing_ones_stay_missing);
    tcase_add_test(tcase, what_has_no_place_is_closed);
    tcase_add_test(tcase, a_message_of_another_size_is_not_ours);
    tcase_add_test(tcase, end_of_file_is_told_from_nothing_yet);
    tcase_add_test(tcase, nothing_to_send_is_no_message);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
