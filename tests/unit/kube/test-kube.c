/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/kube.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* A server that answers one request after the other, each on a connection of its own. */
typedef struct {
    GSocketListener *listener;
    GCancellable *end;
    GThread *thread;
    char *(*answer)(const char *request, gpointer user_data); /* the whole of it */
    gpointer user_data;
} Server;

static Server server;
static LullKubeConfig *config;

/* All but the body, which none here has. */
static char *
read_request(GInputStream *input)
{
    g_autoptr(GString) request = g_string_new(NULL);
    char bytes[1024];

    while (!strstr(request->str, "\r\n\r\n")) {
        const gssize n = g_input_stream_read(input, bytes, sizeof bytes, NULL, NULL);

        if (n <= 0)
            return NULL;
        g_string_append_len(request, bytes, n);
    }
    return g_string_free(g_steal_pointer(&request), FALSE);
}

static gpointer
serve(gpointer user_data)
{
    GSocketConnection *accepted;

    while ((accepted = g_socket_listener_accept(server.listener, NULL, server.end, NULL))) {
        g_autoptr(GIOStream) connection = G_IO_STREAM(accepted);
        g_autofree char *request = read_request(g_io_stream_get_input_stream(connection));
        g_autofree char *answer = request ? server.answer(request, server.user_data) : NULL;

        if (answer)
            (void)g_output_stream_write_all(g_io_stream_get_output_stream(connection), answer, strlen(answer),
                                            NULL, NULL, NULL);
        (void)g_io_stream_close(connection, NULL, NULL);
    }
    return NULL;
}

static void
serve_with(char *(*answer)(const char *request, gpointer user_data), gpointer user_data)
{
    server = (Server){.listener = g_socket_listener_new(),
                      .end = g_cancellable_new(),
                      .answer = answer,
                      .user_data = user_data};
    const guint port = g_socket_listener_add_any_inet_port(server.listener, NULL, NULL);
    ck_assert_uint_gt(port, 0);
    server.thread = g_thread_new("server", serve, NULL);
    config = g_new0(LullKubeConfig, 1);
    config->server = g_strdup_printf("http://127.0.0.1:%u", port);
    config->ns = g_strdup("default");
}

static void
end_server(void)
{
    g_cancellable_cancel(server.end);
    g_thread_join(server.thread);
    g_clear_object(&server.listener);
    g_clear_object(&server.end);
}

static LullStore *
open_store(void)
{
    g_autoptr(GError) error = NULL;
    LullStore *store = lull_store_kube_new(g_steal_pointer(&config), &error);

    ck_assert_no_error(error);
    return store;
}

static char *
answer_with(const char *status, const char *body)
{
    return g_strdup_printf("HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                           "Connection: close\r\n\r\n%s",
                           status, strlen(body), body);
}

static char *
refuse(const char *request, gpointer user_data)
{
    return answer_with(user_data, "");
}

static void
count_call(LullWatchType type, LullJson *object, gpointer user_data)
{
    ++*(guint *)user_data;
}

START_TEST(nobody_is_called_for_a_watch_that_was_refused)
{
    static const struct {
        const char *status;
        LullError code;
    } refusals[] = {{"410 Gone", LULL_ERROR_EXPIRED}, {"400 Bad Request", LULL_ERROR_INVALID}};

    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autoptr(GMainContext) context = g_main_context_new();
        g_autoptr(GError) error = NULL;
        guint calls = 0;

        serve_with(refuse, (gpointer)refusals[i].status);
        LullStore *store = open_store();
        ck_assert_ptr_null(lull_store_watch(store, &lull_kind_snapshot, "default", "7", context, count_call,
                                            &calls, &error));
        ck_assert_error(error, refusals[i].code);
        lull_store_free(store); /* with its thread: nothing more is sent */
        while (g_main_context_iteration(context, FALSE))
            ;
        ck_assert_uint_eq(calls, 0);
        end_server();
    }
}
END_TEST

/* Knows the second token only, which is there as soon as the first was refused. */
static char *
want_another_token(const char *request, gpointer user_data)
{
    const char *path = user_data;

    if (strstr(request, "Bearer second"))
        return answer_with("200 OK", "{\"metadata\":{\"name\":\"a\"}}");
    (void)g_file_set_contents(path, "second", -1, NULL);
    return answer_with("401 Unauthorized", "");
}

START_TEST(a_token_that_was_just_read_and_is_refused_is_read_again)
{
    g_autofree char *dir = g_dir_make_tmp("lull-kube-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "token", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_set_contents(path, "first", -1, NULL));
    serve_with(want_another_token, path);
    config->token.path = g_strdup(path);
    LullStore *store = open_store();
    g_autoptr(LullJson) object = lull_store_get(store, &lull_kind_snapshot, "default", "a", &error);
    ck_assert_no_error(error);
    ck_assert_ptr_nonnull(object);
    lull_store_free(store);
    end_server();
    (void)g_remove(path);
    (void)g_rmdir(dir);
}
END_TEST

/* What the log was told, for who waits for it. */
typedef struct {
    GMutex lock;
    GCond changed;
    char *text;
} Told;

static void
note_log(const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
    Told *told = user_data;

    g_mutex_lock(&told->lock);
    if (!told->text)
        told->text = g_strdup(message);
    g_cond_signal(&told->changed);
    g_mutex_unlock(&told->lock);
}

static char *
give_depth(const char *request, gpointer user_data)
{
    g_autoptr(GString) body = g_string_new("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[");

    for (guint i = 0; i < 5000; i++)
        g_string_append_c(body, '[');
    for (guint i = 0; i < 5000; i++)
        g_string_append_c(body, ']');
    g_string_append(body, "]}");
    return answer_with("200 OK", body->str);
}

START_TEST(a_list_that_cannot_be_read_is_told_with_its_reason)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    guint calls = 0;
    Told told = {0};
    const guint handler = g_log_set_handler(NULL, G_LOG_LEVEL_WARNING, note_log, &told);

    serve_with(give_depth, NULL);
    LullStore *store = open_store();
    LullWatch *watch =
        lull_store_watch(store, &lull_kind_snapshot, "default", NULL, context, count_call, &calls, NULL);
    ck_assert_ptr_nonnull(watch);
    g_mutex_lock(&told.lock);
    while (!told.text)
        g_cond_wait(&told.changed, &told.lock);
    g_mutex_unlock(&told.lock);
    ck_assert_msg(strstr(told.text, "the list is not understood: ") != NULL, "%s", told.text);
    lull_watch_stop(watch);
    lull_store_free(store);
    g_log_remove_handler(NULL, handler);
    end_server();
    g_free(told.text);
}
END_TEST

/* After the first list an event that is far too large, for ever. */
static char *
give_too_much(const char *request, gpointer user_data)
{
    int *lists = user_data;

    if (!strstr(request, "watch=")) {
        g_atomic_int_inc(lists);
        return answer_with("200 OK", "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}");
    }
    g_autofree char *event = g_strnfill(9 * 1024 * 1024, 'x');
    return answer_with("200 OK", event);
}

START_TEST(an_event_that_is_too_large_makes_it_list_again)
{
    const LullWatchOptions options = {.urgent = TRUE};
    g_autoptr(GMainContext) context = g_main_context_new();
    guint calls = 0;
    int lists = 0;

    serve_with(give_too_much, &lists);
    LullStore *store = open_store();
    LullWatch *watch = lull_store_watch_selected(store, &lull_kind_snapshot, "default", &options, context,
                                                 count_call, &calls, NULL);
    ck_assert_ptr_nonnull(watch);
    while (g_atomic_int_get(&lists) < 2)
        g_usleep(1000);
    lull_watch_stop(watch);
    lull_store_free(store);
    end_server();
    ck_assert_uint_eq(calls, 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("kube");
    TCase *tcase = tcase_create("all");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, nobody_is_called_for_a_watch_that_was_refused);
    tcase_add_test(tcase, a_list_that_cannot_be_read_is_told_with_its_reason);
    tcase_add_test(tcase, a_token_that_was_just_read_and_is_refused_is_read_again);
    tcase_add_test(tcase, an_event_that_is_too_large_makes_it_list_again);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
