/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/dial.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <libvirt/virterror.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"

/* A pod's daemon that does not behave: what libvirt's client asks is read, and this is what it gets. */
#define POD     "11111111-aaaa-4000-8000-000000000001"
#define RUNTIME POD "/volumes/kubernetes.io~empty-dir/libvirt-runtime"

static char *pods;
static int listener = -1;

static void
swallow(void *user_data, virErrorPtr error)
{
}

static void
setup(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "virtqemud-sock"};
    g_autofree char *here = g_get_current_dir();
    g_autofree char *runtime = NULL;

    virSetErrorFunc(NULL, swallow);
    pods = g_dir_make_tmp("lull-pods-XXXXXX", NULL);
    runtime = g_build_filename(pods, RUNTIME, NULL);
    ck_assert_int_eq(g_mkdir_with_parents(runtime, 0700), 0);
    ck_assert_int_eq(g_chdir(runtime), 0);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(g_chdir(here), 0);
}

static void
teardown(void)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", pods);

    ck_assert(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    close(listener);
    g_clear_pointer(&pods, g_free);
}

typedef struct {
    const char *bytes; /* NULL: nothing, and the end */
    gsize n;
    gboolean endless;
    const char *why; /* what is said about it */
} Manner;

#define BYTES(text) text, sizeof(text) - 1
#define HEAD(length, type, serial) \
    length "\x20\0\x80\x86\0\0\0\x01\0\0\0\x42\0\0\0" type "\0\0\0" serial "\0\0\0\0"

static const Manner manners[] = {
    {NULL, 0, FALSE, "End of file"},
    {BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), FALSE, "a message that is none"},
    {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
           "\xff\xff\xff\xff"),
     FALSE, "a message that is none"},
    {BYTES(HEAD("\x01\0\0\0", "\x01", "\0")), FALSE, "too long"},
    {BYTES(HEAD("\0\0\0\x1c", "\x01", "\x63")), FALSE, "was not asked"},
    {BYTES(HEAD("\0\0\0\x1c", "\x00", "\0")), FALSE, "not used"},
    {BYTES(HEAD("\0\0\0\x1c", "\x02", "\0")), TRUE, "without an end"},
};

static gpointer
misbehave(gpointer data)
{
    const Manner *manner = data;
    const int fd = accept(listener, NULL, NULL);
    char request[256];

    ck_assert_int_gt(read(fd, request, sizeof request), 0);
    do {
        if (manner->bytes && send(fd, manner->bytes, manner->n, MSG_NOSIGNAL) < 0)
            break;
    } while (manner->endless);
    if (manner->bytes && !manner->endless)
        while (read(fd, request, sizeof request) > 0)
            ;
    close(fd);
    return NULL;
}

START_TEST(a_daemon_that_does_not_behave_is_told_apart_and_left_at_once)
{
    const Manner *manner = &manners[_i];
    GThread *daemon = g_thread_new("daemon", misbehave, (gpointer)manner);
    g_autofree char *uri = lull_libvirt_launcher_uri(pods, POD);
    g_autoptr(GError) error = NULL;
    const gint64 start = g_get_monotonic_time();

    ck_assert_ptr_null(lull_libvirt_dial(uri, NULL, &error));
    ck_assert_msg(strstr(error->message, manner->why) && strstr(error->message, POD), "%s", error->message);
    ck_assert_msg(lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
    ck_assert_int_lt(g_get_monotonic_time() - start, 8 * G_USEC_PER_SEC);
    g_thread_join(daemon);
}
END_TEST

START_TEST(a_pod_that_is_gone_is_not_found)
{
    g_autofree char *uri = lull_libvirt_launcher_uri(pods, "another");
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_libvirt_dial(uri, NULL, &error));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_NOT_FOUND), "%s", error->message);
}
END_TEST

START_TEST(any_other_uri_is_libvirts)
{
    g_autoptr(GError) error = NULL;
    virConnectPtr connection = lull_libvirt_dial("test:///default", NULL, &error);

    ck_assert_msg(connection != NULL, "%s", error ? error->message : "");
    ck_assert(!lull_libvirt_is_launcher(connection));
    virConnectClose(connection);
    ck_assert_ptr_null(lull_libvirt_dial("test:///nowhere/at/all.xml", NULL, &error));
    ck_assert_msg(strstr(error->message, "libvirt at test:///nowhere"), "%s", error->message);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dial");
    TCase *tcase = tcase_create("dial");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_daemon_that_does_not_behave_is_told_apart_and_left_at_once, 0,
                        G_N_ELEMENTS(manners));
    tcase_add_test(tcase, a_pod_that_is_gone_is_not_found);
    tcase_add_test(tcase, any_other_uri_is_libvirts);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
