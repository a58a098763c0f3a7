/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/pod-socket.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define POD     "11111111-aaaa-4000-8000-000000000001"
#define RUNTIME POD "/volumes/kubernetes.io~empty-dir/libvirt-runtime"

static char *pods;
static char *runtime;
static int listener = -1;

static int
listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *here = g_get_current_dir();
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* a kubelet's paths are longer than an address */
    ck_assert_int_eq(g_chdir(runtime), 0);
    g_strlcpy(address.sun_path, name, sizeof address.sun_path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(g_chdir(here), 0);
    return fd;
}

static char *
at(const char *name)
{
    return g_build_filename(runtime, name, NULL);
}

static void
setup(void)
{
    pods = g_dir_make_tmp("lull-pods-XXXXXX", NULL);
    runtime = g_build_filename(pods, RUNTIME, NULL);
    ck_assert_int_eq(g_mkdir_with_parents(runtime, 0700), 0);
}

static void
teardown(void)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", pods);

    ck_assert(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    if (listener >= 0)
        close(listener);
    listener = -1;
    g_clear_pointer(&runtime, g_free);
    g_clear_pointer(&pods, g_free);
}

static int
must_open(void)
{
    g_autoptr(GError) error = NULL;
    const int fd = lull_pod_socket_open(pods, POD, &error);

    ck_assert_msg(fd >= 0, "%s", error ? error->message : "");
    return fd;
}

static void
assert_refused(int code, const char *words)
{
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(lull_pod_socket_open(pods, POD, &error), -1);
    ck_assert_msg(error->code == code && strstr(error->message, words), "%d: %s", error->code,
                  error->message);
}

static const char *const names[] = {"virtqemud-sock", "libvirt-sock"};

START_TEST(a_daemon_is_connected_to_however_long_its_path_is)
{
    int fd = -1;
    int connected = -1;
    g_autoptr(GError) error = NULL;

    listener = listen_at(names[_i]);
    fd = must_open();
    connected = lull_pod_socket_connect(fd, &error);
    ck_assert_msg(connected >= 0, "%s", error ? error->message : "");
    ck_assert(fcntl(connected, F_GETFL) & O_NONBLOCK);
    close(connected);
    close(fd);
}
END_TEST

START_TEST(what_was_looked_at_is_what_is_connected_to)
{
    g_autofree char *path = at("virtqemud-sock");
    int other = -1;
    int fd = -1;
    int connected = -1;

    listener = listen_at("virtqemud-sock");
    fd = must_open();
    ck_assert_int_eq(g_unlink(path), 0);
    other = listen_at("virtqemud-sock");
    connected = lull_pod_socket_connect(fd, NULL);
    ck_assert_int_ge(connected, 0);
    ck_assert_int_ge(fcntl(other, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(accept(other, NULL, NULL), -1);
    close(connected);
    close(other);
    close(fd);
}
END_TEST

START_TEST(one_that_does_not_take_connections_is_not_waited_for)
{
    int fds[8];
    guint n = 0;
    g_autoptr(GError) error = NULL;
    int fd = -1;

    listener = listen_at("virtqemud-sock");
    fd = must_open();
    while (n < G_N_ELEMENTS(fds) && (fds[n] = lull_pod_socket_connect(fd, &error)) >= 0)
        n++;
    ck_assert_uint_lt(n, G_N_ELEMENTS(fds));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
    while (n > 0)
        close(fds[--n]);
    close(fd);
}
END_TEST

START_TEST(one_that_is_gone_is_lost_and_not_waited_for)
{
    g_autoptr(GError) error = NULL;
    int fd = -1;

    listener = listen_at("virtqemud-sock");
    fd = must_open();
    close(listener);
    listener = -1;
    ck_assert_int_eq(lull_pod_socket_connect(fd, &error), -1);
    ck_assert_msg(lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
    close(fd);
}
END_TEST

START_TEST(a_link_is_not_followed_wherever_it_leads)
{
    g_autofree char *path = at("virtqemud-sock");

    listener = listen_at("elsewhere");
    ck_assert_int_eq(symlink("elsewhere", path), 0);
    assert_refused(LULL_ERROR_INVALID, "a symbolic link");
}
END_TEST

START_TEST(nor_is_one_in_a_directorys_stead)
{
    g_autofree char *moved = g_strconcat(runtime, ".moved", NULL);

    listener = listen_at("virtqemud-sock");
    ck_assert_int_eq(g_rename(runtime, moved), 0);
    ck_assert_int_eq(symlink(moved, runtime), 0);
    assert_refused(LULL_ERROR_INVALID, "libvirt-runtime: it is no directory");
}
END_TEST

START_TEST(a_pipe_is_no_socket_and_is_not_opened)
{
    g_autofree char *path = at("virtqemud-sock");

    ck_assert_int_eq(mkfifo(path, 0600), 0);
    assert_refused(LULL_ERROR_INVALID, "no socket");
}
END_TEST

START_TEST(nor_is_a_file)
{
    g_autofree char *path = at("virtqemud-sock");

    ck_assert(g_file_set_contents(path, "text", -1, NULL));
    assert_refused(LULL_ERROR_INVALID, "no socket");
}
END_TEST

START_TEST(nor_is_a_directory)
{
    g_autofree char *path = at("virtqemud-sock");

    ck_assert_int_eq(g_mkdir(path, 0700), 0);
    assert_refused(LULL_ERROR_INVALID, "no socket");
}
END_TEST

START_TEST(one_of_another_user_is_refused)
{
    g_autofree char *path = at("virtqemud-sock");

    listener = listen_at("virtqemud-sock");
    if (chown(path, 4711, 4711) < 0)
        return; /* only root can try this */
    assert_refused(LULL_ERROR_DENIED, "belongs to user 4711");
    ck_assert_int_eq(chown(path, LULL_LAUNCHER_UID, LULL_LAUNCHER_UID), 0);
    close(must_open());
}
END_TEST

START_TEST(a_pod_without_a_daemon_is_not_one_that_is_gone)
{
    g_autofree char *other = g_build_filename(pods, "other", NULL);
    g_autoptr(GError) error = NULL;

    assert_refused(LULL_ERROR_LOST, "virtqemud-sock: it is not there");
    ck_assert_int_eq(lull_pod_socket_open(pods, "another", &error), -1);
    ck_assert_msg(lull_error_is(error, LULL_ERROR_NOT_FOUND), "%s", error->message);
    g_clear_error(&error);
    ck_assert_int_eq(lull_pod_socket_open(other, POD, &error), -1);
    ck_assert_msg(lull_error_is(error, LULL_ERROR_FAILED), "%s", error->message);
}
END_TEST

static const char *const no_uids[] = {
    "", ".", "..", "a/b", "../" POD, POD "/..", "a b", "a.b", "a\n", POD POD,
};

START_TEST(what_is_no_uid_is_no_way_out_of_the_directory)
{
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(lull_pod_socket_open(pods, no_uids[_i], &error), -1);
    ck_assert_msg(lull_error_is(error, LULL_ERROR_INVALID), "%s", error->message);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("pod-socket");
    TCase *tcase = tcase_create("pod-socket");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_daemon_is_connected_to_however_long_its_path_is, 0, G_N_ELEMENTS(names));
    tcase_add_test(tcase, what_was_looked_at_is_what_is_connected_to);
    tcase_add_test(tcase, one_that_does_not_take_connections_is_not_waited_for);
    tcase_add_test(tcase, one_that_is_gone_is_lost_and_not_waited_for);
    tcase_add_test(tcase, a_link_is_not_followed_wherever_it_leads);
    tcase_add_test(tcase, nor_is_one_in_a_directorys_stead);
    tcase_add_test(tcase, a_pipe_is_no_socket_and_is_not_opened);
    tcase_add_test(tcase, nor_is_a_file);
    tcase_add_test(tcase, nor_is_a_directory);
    tcase_add_test(tcase, one_of_another_user_is_refused);
    tcase_add_test(tcase, a_pod_without_a_daemon_is_not_one_that_is_gone);
    tcase_add_loop_test(tcase, what_is_no_uid_is_no_way_out_of_the_directory, 0, G_N_ELEMENTS(no_uids));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
