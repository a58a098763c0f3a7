/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/run-calls.h"

#include <gio/gio.h>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

static LullKubeEnd end;
static GSocketListener *listener;
static LullRunCalls *calls;

static void
set_up(void)
{
    g_autoptr(GError) error = NULL;
    LullKubeConfig *config = g_new0(LullKubeConfig, 1);
    guint16 port;

    end = 0;
    listener = g_socket_listener_new();
    port = g_socket_listener_add_any_inet_port(listener, NULL, &error);
    ck_assert_uint_ne(port, 0);
    config->server = g_strdup_printf("http://localhost:%u", port);
    calls = lull_run_calls_new(config, &end, &error);
    ck_assert_ptr_nonnull(calls);
}

static void
tear_down(void)
{
    g_clear_pointer(&calls, lull_run_calls_free);
    g_clear_object(&listener);
}

typedef gboolean (*Call)(LullRunCalls *self, const LullKubeGuard *guard, const char *ns, const char *name,
                         GError **error);

static const Call all[] = {lull_run_calls_stop, lull_run_calls_start};

/* How often it may be asked yet. */
static guint turns;

static gboolean
may(gpointer data, GError **error)
{
    if (turns == 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "another coordinator leads");
        return FALSE;
    }
    turns--;
    return TRUE;
}

static const LullKubeGuard guard = {may, NULL};

/* Returns the error. */
static gpointer
ask(gpointer call)
{
    GError *error = NULL;

    ck_assert(!(*(const Call *)call)(calls, turns ? &guard : NULL, "shop", "larry", &error));
    return error;
}

START_TEST(who_waits_for_a_machine_to_be_asked_waits_no_longer_than_until_the_end)
{
    GThread *asking = g_thread_new("asking", ask, (gpointer)&all[_i]);
    g_autoptr(GSocketConnection) connection = g_socket_listener_accept(listener, NULL, NULL, NULL);
    g_autoptr(GError) error = NULL;
    char byte;

    ck_assert_int_eq(
        g_input_stream_read(g_io_stream_get_input_stream(G_IO_STREAM(connection)), &byte, 1, NULL, NULL), 1);
    atomic_store(&end, lull_clock_boottime());
    error = g_thread_join(asking);
    ck_assert(lull_error_is(error, LULL_ERROR_TIMED_OUT));
}
END_TEST

START_TEST(who_does_not_lead_any_more_asks_for_nothing)
{
    g_autoptr(GError) error = NULL;

    turns = 0;
    ck_assert(!all[_i](calls, &guard, "shop", "larry", &error));
    ck_assert(lull_error_is(error, LULL_ERROR_LOST));
}
END_TEST

/* The next one may have had it started by then. */
START_TEST(who_led_when_he_asked_does_not_ask_again_once_another_leads)
{
    static const char unavailable[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    GThread *asking = NULL;
    g_autoptr(GSocketConnection) connection = NULL;
    g_autoptr(GError) error = NULL;
    char bytes[4096];

    turns = 1;
    asking = g_thread_new("asking", ask, (gpointer)&all[_i]);
    connection = g_socket_listener_accept(listener, NULL, NULL, NULL);
    ck_assert_int_gt(g_input_stream_read(g_io_stream_get_input_stream(G_IO_STREAM(connection)), bytes,
                                         sizeof bytes, NULL, NULL),
                     0);
    ck_assert(g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(connection)), unavailable,
                                        sizeof unavailable - 1, NULL, NULL, NULL));
    error = g_thread_join(asking);
    ck_assert_msg(lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
    ck_assert_uint_eq(turns, 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("cluster/run-calls");
    TCase *tcase = tcase_create("run-calls");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 15); /* less than a call takes without an end */
    tcase_add_loop_test(tcase, who_waits_for_a_machine_to_be_asked_waits_no_longer_than_until_the_end, 0,
                        G_N_ELEMENTS(all));
    tcase_add_loop_test(tcase, who_does_not_lead_any_more_asks_for_nothing, 0, G_N_ELEMENTS(all));
    tcase_add_loop_test(tcase, who_led_when_he_asked_does_not_ask_again_once_another_leads, 0,
                        G_N_ELEMENTS(all));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
