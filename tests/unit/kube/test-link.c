/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/link.h"

#include <gio/gio.h>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define PATIENCE LULL_SEC(300) /* longer than a test may take */

static LullKubeEnd end;
static GSocketListener *listener;
static LullKubeLink *link_;

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
    link_ = lull_kube_link_new(config, &error);
    ck_assert_ptr_nonnull(link_);
    lull_kube_link_set_patience(link_, PATIENCE);
    lull_kube_link_set_end(link_, &end);
}

static void
tear_down(void)
{
    g_clear_pointer(&link_, lull_kube_link_free);
    g_clear_object(&listener);
}

/* Returns the error. */
static gpointer
ask(gpointer method)
{
    const LullKubeRequest request = {
        .method = method, .path = "/api", .repeatable = g_str_equal(method, "GET")};
    GError *error = NULL;

    ck_assert_ptr_null(lull_kube_link_request(link_, &request, NULL, &error));
    return error;
}

/* Until it has come to the server. */
static GSocketConnection *
must_be_asked(void)
{
    GSocketConnection *connection = g_socket_listener_accept(listener, NULL, NULL, NULL);
    char byte;

    ck_assert_int_eq(
        g_input_stream_read(g_io_stream_get_input_stream(G_IO_STREAM(connection)), &byte, 1, NULL, NULL), 1);
    return connection;
}

static void
must_have_ended(GThread *asking)
{
    g_autoptr(GError) error = g_thread_join(asking);

    ck_assert_msg(lull_error_is(error, LULL_ERROR_TIMED_OUT) || lull_error_is(error, LULL_ERROR_BUSY), "%s",
                  error->message);
}

static const char *const methods[] = {"GET", "POST"};

START_TEST(who_waits_for_an_answer_waits_no_longer_than_until_the_end)
{
    GThread *asking = g_thread_new("asking", ask, (gpointer)methods[_i]);
    g_autoptr(GSocketConnection) connection = must_be_asked();

    atomic_store(&end, lull_clock_boottime());
    must_have_ended(asking);
}
END_TEST

START_TEST(who_waits_to_ask_again_waits_no_longer_either)
{
    static const char later[] = "HTTP/1.1 429 X\r\nRetry-After: 200\r\nContent-Length: 2\r\n\r\n{}";
    GThread *asking = g_thread_new("asking", ask, (gpointer) "GET");
    g_autoptr(GSocketConnection) connection = must_be_asked();

    ck_assert(g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(connection)), later,
                                        sizeof later - 1, NULL, NULL, NULL));
    g_usleep(LULL_MSEC(100)); /* either way it must end; most often it waits by now */
    atomic_store(&end, lull_clock_boottime());
    must_have_ended(asking);
}
END_TEST

START_TEST(after_the_end_nobody_is_asked)
{
    g_autoptr(GError) error = NULL;

    atomic_store(&end, lull_clock_boottime());
    error = ask((gpointer) "GET");
    ck_assert(lull_error_is(error, LULL_ERROR_TIMED_OUT));
    ck_assert_msg(strstr(error->message, "GET /api") != NULL, "%s", error->message);
}
END_TEST

/* One answer: its code, the seconds that its date is before our clock (NO_DATE: it has none), and its body.
 */
#define NO_DATE G_MININT
typedef struct {
    const char *code;
    int ahead;
    const char *body;
} Answer;

static char *
http_date(int ahead)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autoptr(GDateTime) then = g_date_time_add_seconds(now, ahead);

    return g_date_time_format(then, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n");
}

static gpointer
ask_anyway(gpointer data)
{
    const LullKubeRequest request = {.method = "POST", .path = "/api"};
    g_autoptr(LullJson) answer = lull_kube_link_request(link_, &request, NULL, NULL);

    return NULL;
}

static void
get_answer(const Answer *answer)
{
    GThread *asking = g_thread_new("asking", ask_anyway, NULL);
    g_autoptr(GSocketConnection) connection = must_be_asked();
    g_autofree char *date = answer->ahead == NO_DATE ? g_strdup("") : http_date(answer->ahead);
    g_autofree char *text =
        g_strdup_printf("HTTP/1.1 %s X\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s", answer->code,
                        date, strlen(answer->body), answer->body);

    ck_assert(g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(connection)), text,
                                        strlen(text), NULL, NULL, NULL));
    g_thread_join(asking);
}

static const Answer others[] = {
    {"503", NO_DATE, "<html>no server is available</html>"},
    {"503", 3600, "<html>no server is available</html>"},
    {"503", 3600, ""},
    {"200", NO_DATE, "{}"},
};

START_TEST(what_is_no_word_of_the_server_says_nothing_of_its_clock)
{
    get_answer(&(Answer){"200", -600, "{}"});
    ck_assert_int_lt(lull_kube_link_skew(link_), -LULL_SEC(590));
    get_answer(&others[_i]);
    get_answer(&others[_i]);
    ck_assert_int_lt(lull_kube_link_skew(link_), -LULL_SEC(590));
}
END_TEST

START_TEST(what_a_server_refuses_says_what_its_clock_is)
{
    get_answer(&(Answer){"409", -600, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":\"Conflict\"}"});
    ck_assert_int_lt(lull_kube_link_skew(link_), -LULL_SEC(590));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("kube/link");
    TCase *tests = tcase_create("link");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, who_waits_for_an_answer_waits_no_longer_than_until_the_end, 0,
                        G_N_ELEMENTS(methods));
    tcase_add_test(tests, who_waits_to_ask_again_waits_no_longer_either);
    tcase_add_test(tests, after_the_end_nobody_is_asked);
    tcase_add_loop_test(tests, what_is_no_word_of_the_server_says_nothing_of_its_clock, 0,
                        G_N_ELEMENTS(others));
    tcase_add_test(tests, what_a_server_refuses_says_what_its_clock_is);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
