/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define SOON (lull_clock_boottime() + 20 * G_USEC_PER_SEC)

/* A FIFO answers when somebody has it open for writing. */
static char *folder;
static char *fifo;

static void
make_fifo(void)
{
    folder = g_dir_make_tmp("lull-reach-XXXXXX", NULL);
    fifo = g_build_filename(folder, "fifo", NULL);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
}

static void
remove_fifo(void)
{
    (void)g_unlink(fifo);
    (void)g_rmdir(folder);
    g_free(fifo);
    g_free(folder);
}

static int
open_plainly(const char *path, void *context)
{
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void
assert_no_child(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

START_TEST(what_the_child_opens_comes_through)
{
    const int fd = lull_reach("/dev/null", open_plainly, NULL, SOON);
    struct stat st;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert(S_ISCHR(st.st_mode));
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    (void)close(fd);
    assert_no_child();
}
END_TEST

START_TEST(what_it_cannot_open_comes_through_as_its_error)
{
    ck_assert_int_eq(lull_reach("/dev/null/none", open_plainly, NULL, SOON), -1);
    ck_assert_int_eq(errno, ENOTDIR);
    assert_no_child();
}
END_TEST

START_TEST(a_child_that_is_late_is_given_up_and_leaves_nothing)
{
    ck_assert_int_eq(lull_reach(fifo, open_plainly, NULL, lull_clock_boottime() + 1000), -1);
    ck_assert_int_eq(errno, ETIMEDOUT);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    assert_no_child();
}
END_TEST

START_TEST(a_child_that_is_late_can_be_waited_for_again)
{
    LullWay way;
    int writer;
    int fd;

    ck_assert(lull_way_begin(&way, fifo, open_plainly, NULL));
    ck_assert_int_eq(lull_way_wait(&way, 0), -1);
    ck_assert_int_eq(errno, ETIMEDOUT);
    writer = open(fifo, O_WRONLY | O_CLOEXEC);
    fd = lull_way_wait(&way, SOON);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(writer, "x", 1), 1);
    ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0), 1);
    lull_way_end(&way);
    (void)close(writer);
    (void)close(fd);
}
END_TEST

START_TEST(a_child_on_its_way_holds_nothing_of_ours)
{
    struct pollfd end = {.events = POLLIN};
    LullWay way;
    int ours[2];

    ck_assert_int_eq(pipe(ours), 0);
    ck_assert(lull_way_begin(&way, fifo, open_plainly, NULL));
    (void)close(ours[1]);
    end.fd = ours[0];
    ck_assert_int_eq(poll(&end, 1, 20000), 1);
    ck_assert(end.revents & POLLHUP);
    lull_way_end(&way);
    (void)close(ours[0]);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("reach");
    TCase *tcase = tcase_create("reach");

    tcase_add_checked_fixture(tcase, make_fifo, remove_fifo);
    tcase_add_test(tcase, what_the_child_opens_comes_through);
    tcase_add_test(tcase, what_it_cannot_open_comes_through_as_its_error);
    tcase_add_test(tcase, a_child_that_is_late_is_given_up_and_leaves_nothing);
    tcase_add_test(tcase, a_child_that_is_late_can_be_waited_for_again);
    tcase_add_test(tcase, a_child_on_its_way_holds_nothing_of_ours);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
