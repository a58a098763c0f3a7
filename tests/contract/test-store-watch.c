/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/contract/store-contract.h"

/* The contract of store.h: watches and threads. */

START_TEST(a_watch_begins_with_what_there_is)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) a = create("a", "");
    g_autoptr(LullJson) b = create("b", "");
    Log log = {0};
    log_start(&log, NULL);
    g_autoptr(LullJson) c = create("c", "");

    log_wait(&log, 3);
    ck_assert_str_eq(log.events->str, " +a +b +c");
    log_stop(&log);
}
END_TEST

START_TEST(a_watch_goes_on_from_a_version)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) a = create("a", "");
    g_autoptr(LullJson) listed = list(NULL);
    g_autoptr(LullJson) b = create("b", "");
    g_autoptr(LullJson) changed = patch("a", LULL_PATCH_STATUS, "{'status':{'phase':'Failed'}}");
    Log log = {0};
    log_start(&log, lull_meta_version(listed));
    ck_assert(lull_store_remove(store, KIND, NS, "b", NULL, NULL));
    g_autoptr(LullJson) elsewhere = create("x", ",'namespace':'other'");
    g_autoptr(LullJson) c = create("c", "");

    log_wait(&log, 4);
    log_drain();
    ck_assert_str_eq(log.events->str, " +b ~a -b +c");
    ck_assert_str_eq(log.version, lull_meta_version(c));
    log_stop(&log);
}
END_TEST

START_TEST(a_watch_goes_on_from_an_empty_list)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) listed = list(NULL);
    g_autoptr(LullJson) a = create("a", "");
    Log log = {0};
    log_start(&log, lull_meta_version(listed));

    log_wait(&log, 1);
    ck_assert_str_eq(log.events->str, " +a");
    log_stop(&log);
}
END_TEST

START_TEST(a_large_first_state_is_no_lag)
{
    store = factories[_i].open(dir);
    for (int i = 0; i < 2 * MAX_PENDING; i++) {
        g_autofree char *name = g_strdup_printf("snap-%d", i);
        json_object_put(create(name, ""));
    }
    Log log = {0};
    log_start(&log, NULL);
    json_object_put(create("later", ""));

    log_wait(&log, 2 * MAX_PENDING + 1);
    ck_assert_ptr_nonnull(strstr(log.events->str, " +later")); /* first or last */
    log_stop(&log);
}
END_TEST

START_TEST(a_watch_stops_at_once)
{
    store = factories[_i].open(dir);
    for (int i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("snap-%d", i);
        json_object_put(create(name, ""));
    }
    Log stopped = {0}, inside = {.stop_after = 2};
    log_start(&stopped, NULL);
    log_start(&inside, NULL);
    g_clear_pointer(&stopped.watch, lull_watch_stop);

    log_wait(&inside, 2);
    json_object_put(create("late", ""));
    log_drain();
    ck_assert_uint_eq(stopped.count, 0);
    ck_assert_str_eq(inside.events->str, " +snap-0 +snap-1");
    log_stop(&stopped);
    log_stop(&inside);
}
END_TEST

START_TEST(a_version_that_is_none_is_refused)
{
    store = factories[_i].open(dir);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_store_watch(store, KIND, NS, "nonsense", NULL, log_event, NULL, &error));
    ck_assert_ptr_nonnull(error);
}
END_TEST

START_TEST(a_lagging_watch_is_told_and_gets_no_more)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    Log log = {0};
    log_start(&log, lull_meta_version(created));

    for (int i = 0; i < 2 * MAX_PENDING; i++) {
        g_autofree char *text = g_strdup_printf("{'status':{'sourceUID':'%d'}}", i);
        json_object_put(patch("snap", LULL_PATCH_STATUS, text));
    }
    log_wait(&log, 1);
    json_object_put(create("later", ""));
    log_drain();
    ck_assert_str_eq(log.events->str, " !410");
    log_stop(&log);
}
END_TEST

/* Writers in threads, one watch on this one. */

#define WRITERS 4
#define ROUNDS  12

static gpointer
write_rounds(gpointer user_data)
{
    const int me = GPOINTER_TO_INT(user_data);
    g_autofree char *name = g_strdup_printf("own-%d", me);
    g_autoptr(LullJson) own = snapshot_json(name, "");

    for (int i = 0; i < ROUNDS; i++) {
        g_autoptr(LullJson) created = lull_store_create(store, KIND, own, NULL);
        gboolean done = FALSE;
        if (!created || !lull_store_remove(store, KIND, NS, name, NULL, NULL))
            return NULL;
        while (!done) { /* read, add one, write unless somebody else did */
            g_autoptr(GError) error = NULL;
            g_autoptr(LullJson) shared = lull_store_get(store, KIND, NS, "shared", NULL);
            const char *count = lull_json_string(lull_json_object(shared, "status"), "sourceUID", "0");
            g_autofree char *text =
                g_strdup_printf("{'metadata':{'resourceVersion':'%s'},'status':{'sourceUID':'%d'}}",
                                lull_meta_version(shared), atoi(count) + 1);
            g_autoptr(LullJson) change = json(text);
            g_autoptr(LullJson) patched =
                lull_store_patch(store, KIND, NS, "shared", LULL_PATCH_STATUS, change, &error);
            done = patched != NULL;
            if (!done && !lull_error_is(error, LULL_ERROR_CONFLICT))
                return NULL;
        }
    }
    return GINT_TO_POINTER(TRUE);
}

START_TEST(threads_lose_no_write_and_no_event)
{
    GThread *threads[WRITERS];
    store = factories[_i].open(dir);
    g_autoptr(LullJson) shared = create("shared", "");
    Log log = {0};
    log_start(&log, lull_meta_version(shared));

    for (int i = 0; i < WRITERS; i++)
        threads[i] = g_thread_new("writer", write_rounds, GINT_TO_POINTER(i));
    log_wait(&log, WRITERS * ROUNDS * 3);
    for (int i = 0; i < WRITERS; i++)
        ck_assert(GPOINTER_TO_INT(g_thread_join(threads[i])));
    log_drain();
    ck_assert_uint_eq(log.count, WRITERS * ROUNDS * 3);

    g_autoptr(LullJson) last = get("shared");
    g_autofree char *expected = g_strdup_printf("%d", WRITERS * ROUNDS);
    ck_assert_str_eq(lull_json_string(lull_json_object(last, "status"), "sourceUID", ""), expected);
    for (int i = 0; i < WRITERS; i++) {
        g_autofree char *added = g_strdup_printf("+own-%d", i);
        g_auto(GStrv) pieces = g_strsplit(log.events->str, added, -1);
        ck_assert_uint_eq(g_strv_length(pieces) - 1, ROUNDS);
    }
    log_stop(&log);
}
END_TEST

static Suite *
make_suite(void)
{
    const TTest *const tests[] = {
        a_watch_begins_with_what_there_is,
        a_watch_goes_on_from_a_version,
        a_watch_goes_on_from_an_empty_list,
        a_large_first_state_is_no_lag,
        a_watch_stops_at_once,
        a_version_that_is_none_is_refused,
        a_lagging_watch_is_told_and_gets_no_more,
        threads_lose_no_write_and_no_event,
    };

    return contract_suite("store-watch", FALSE, tests, G_N_ELEMENTS(tests));
}

LULL_CHECK_MAIN(make_suite)
