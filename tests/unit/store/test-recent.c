/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/recent.h"

#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* A server with one object, that counts what it is asked, and does what a test wants while it answers. */
typedef struct {
    LullStore base;
    LullWatch watch;
    guint gets;
    guint64 version; /* 0: there is none */
    void (*meanwhile)(void);
    gboolean refuse;
    LullWatchFunc func;
    gpointer user_data;
} Server;

#define LONG LULL_SEC(3600)

static Server server;
static LullStore *store, *asking;
static LullWatch *watched;

static const LullRecentKind present[] = {{"virtualmachinesnapshots"}, {NULL}};
static const LullRecentKind absent[] = {{"virtualmachinesnapshots", .absence = TRUE}, {NULL}};

static LullJson *
object_of(guint64 version)
{
    g_autofree char *text = g_strdup_printf("{'metadata':{'namespace':'default','name':'snap',"
                                            "'resourceVersion':'%" G_GUINT64_FORMAT "'}}",
                                            version);

    return json(text);
}

/* Something else happens between what is read and its arrival. */
static LullJson *
answer(GError **error)
{
    LullJson *object = server.version && !server.refuse ? object_of(server.version) : NULL;
    void (*meanwhile)(void) = g_steal_pointer(&server.meanwhile);

    if (!object)
        g_set_error(error, LULL_ERROR, server.refuse ? LULL_ERROR_CONFLICT : LULL_ERROR_NOT_FOUND, "no");
    if (meanwhile)
        meanwhile();
    return object;
}

static LullJson *
server_get(LullStore *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    server.gets++;
    return answer(error);
}

static LullJson *
server_patch(LullStore *self, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
             LullJson *patch, GError **error)
{
    if (!server.refuse)
        server.version++;
    return answer(error);
}

static LullWatch *
server_watch(LullStore *self, const LullKind *kind, const char *ns, const LullWatchOptions *options,
             GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    server.func = func;
    server.user_data = user_data;
    server.watch.store = self;
    return &server.watch;
}

static void
server_watch_stop(LullWatch *watch)
{
    server.func = NULL;
}

static void
server_free(LullStore *self)
{
}

static const LullStoreOps server_ops = {.get = server_get,
                                        .patch = server_patch,
                                        .watch = server_watch,
                                        .watch_stop = server_watch_stop,
                                        .free = server_free};

static void
ignore(LullWatchType type, LullJson *object, gpointer user_data)
{
}

static void
open_with(const LullRecentKind *kinds, gint64 fresh)
{
    server = (Server){.base = {&server_ops}, .version = 5};
    store = lull_store_recent_new(&server.base, kinds, fresh);
    asking = lull_store_recent_asking(store);
    watched = lull_store_watch(store, &lull_kind_snapshot, NULL, NULL, NULL, ignore, NULL, NULL);
}

static void
set_up(void)
{
    open_with(present, LONG);
}

static void
tear_down(void)
{
    g_clear_pointer(&watched, lull_watch_stop);
    lull_store_free(asking);
    lull_store_free(store);
}

static void
tell(LullWatchType type, guint64 version)
{
    g_autoptr(LullJson) object = object_of(version);

    server.func(type, object, server.user_data);
}

/* The version that is given; 0: there is none. */
static guint64
get_from(LullStore *from)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = lull_store_get(from, &lull_kind_snapshot, "default", "snap", &error);

    ck_assert(object || lull_error_is(error, LULL_ERROR_NOT_FOUND) ||
              lull_error_is(error, LULL_ERROR_CONFLICT));
    return object ? g_ascii_strtoull(lull_meta_version(object), NULL, 10) : 0;
}

static void
patch(void)
{
    g_autoptr(LullJson) change = json_object_new_object();
    g_autoptr(LullJson) after =
        lull_store_patch(store, &lull_kind_snapshot, "default", "snap", LULL_PATCH_OBJECT, change, NULL);
}

#define ASSERT_ASKED(n_, version_)                      \
    G_STMT_START                                        \
    {                                                   \
        const guint before = server.gets;               \
        ck_assert_uint_eq(get_from(store), (version_)); \
        ck_assert_uint_eq(server.gets - before, (n_));  \
    }                                                   \
    G_STMT_END

START_TEST(test_what_was_read_is_not_read_again)
{
    ASSERT_ASKED(1, 5);
    ASSERT_ASKED(0, 5);
}
END_TEST

START_TEST(test_what_nobody_watches_is_read_each_time)
{
    g_clear_pointer(&watched, lull_watch_stop);
    ASSERT_ASKED(1, 5);
    ASSERT_ASKED(1, 5);
}
END_TEST

START_TEST(test_who_asks_is_answered_by_the_server_and_others_know_it)
{
    ASSERT_ASKED(1, 5);
    server.version = 6;
    ck_assert_uint_eq(get_from(asking), 6);
    ASSERT_ASKED(0, 6);
}
END_TEST

START_TEST(test_after_its_time_it_is_read_again)
{
    tear_down();
    open_with(present, LULL_MSEC(1));
    ASSERT_ASKED(1, 5);
    server.version = 6;
    while (get_from(store) == 5)
        continue;
    ck_assert_uint_eq(server.gets, 2);
}
END_TEST

START_TEST(test_what_a_write_made_of_it_is_known)
{
    ASSERT_ASKED(1, 5);
    patch();
    ASSERT_ASKED(0, 6);
    tell(LULL_WATCH_MODIFIED, 5); /* late */
    tell(LULL_WATCH_MODIFIED, 6);
    ASSERT_ASKED(0, 6);
}
END_TEST

START_TEST(test_what_does_not_exist_is_asked_for_each_time)
{
    server.version = 0;
    ASSERT_ASKED(1, 0);
    ASSERT_ASKED(1, 0);
    server.version = 7;
    ASSERT_ASKED(1, 7);
}
END_TEST

START_TEST(test_after_its_time_it_is_asked_for_again_too)
{
    tear_down();
    open_with(absent, LULL_MSEC(1));
    server.version = 0;
    ASSERT_ASKED(1, 0);
    server.version = 6;
    while (get_from(store) == 0)
        continue;
    ck_assert_uint_eq(server.gets, 2);
}
END_TEST

START_TEST(test_of_a_kind_whose_absence_may_be_old_it_is_known_too)
{
    tear_down();
    open_with(absent, LONG);
    server.version = 0;
    ASSERT_ASKED(1, 0);
    ASSERT_ASKED(0, 0);
    server.version = 7;
    tell(LULL_WATCH_ADDED, 7);
    ASSERT_ASKED(1, 7);
    server.version = 0;
    tell(LULL_WATCH_DELETED, 8);
    ASSERT_ASKED(1, 0);
    ASSERT_ASKED(0, 0);
}
END_TEST

static void
hear_made(void)
{
    server.version = 7;
    tell(LULL_WATCH_ADDED, 7);
}

START_TEST(test_an_absence_that_is_overtaken_is_nobody_elses)
{
    tear_down();
    open_with(absent, LONG);
    server.version = 0;
    server.meanwhile = hear_made;
    ASSERT_ASKED(1, 0);
    ASSERT_ASKED(1, 7);
}
END_TEST

START_TEST(test_after_a_write_that_failed_it_is_read_again)
{
    ASSERT_ASKED(1, 5);
    server.refuse = TRUE;
    patch();
    server.refuse = FALSE;
    server.version = 6;
    ASSERT_ASKED(1, 6);
}
END_TEST

START_TEST(test_what_an_event_tells_to_be_old_is_read_again)
{
    ASSERT_ASKED(1, 5);
    server.version = 6;
    tell(_i ? LULL_WATCH_ADDED : LULL_WATCH_MODIFIED, 6);
    ASSERT_ASKED(1, 6);
    server.version = 0;
    tell(LULL_WATCH_DELETED, 7);
    ASSERT_ASKED(1, 0);
}
END_TEST

static void
hear_newer(void)
{
    server.version = 6;
    tell(LULL_WATCH_MODIFIED, 6);
}

static void
hear_gone(void)
{
    server.version = 0;
    tell(LULL_WATCH_DELETED, 6);
}

static void
write_newer(void)
{
    patch();
}

static void
hear_gone_and_ask(void)
{
    hear_gone();
    ck_assert_uint_eq(get_from(store), 0);
}

/* Who asked gets what he asked for. Nobody else does. */
START_TEST(test_an_answer_that_is_overtaken_is_nobody_elses)
{
    static void (*const overtaken_by[])(void) = {hear_newer, hear_gone, write_newer, hear_gone_and_ask};

    server.meanwhile = overtaken_by[_i];
    ASSERT_ASKED(_i == 3 ? 2 : 1, 5);
    ck_assert_uint_eq(get_from(store), server.version);
}
END_TEST

static void
hear_own_write(void)
{
    tell(LULL_WATCH_MODIFIED, 6);
}

START_TEST(test_a_write_that_is_heard_of_before_its_answer_is_known)
{
    ASSERT_ASKED(1, 5);
    server.meanwhile = hear_own_write;
    patch();
    ASSERT_ASKED(0, 6);
}
END_TEST

/* A thousand are told of when a watch begins, and hundreds are worked on at most. */
START_TEST(test_few_are_kept)
{
    guint before = 0;

    for (guint i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("other-%u", i);
        g_autoptr(LullJson) object = lull_store_get(store, &lull_kind_snapshot, "default", name, NULL);
    }
    before = server.gets;
    for (guint i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("other-%u", 99 - i);
        g_autoptr(LullJson) object = lull_store_get(store, &lull_kind_snapshot, "default", name, NULL);
    }
    ck_assert_uint_ge(server.gets - before, 50);
    ck_assert_uint_lt(server.gets - before, 100);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("recent");
    TCase *tcase = tcase_create("recent");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_what_was_read_is_not_read_again);
    tcase_add_test(tcase, test_what_nobody_watches_is_read_each_time);
    tcase_add_test(tcase, test_who_asks_is_answered_by_the_server_and_others_know_it);
    tcase_add_test(tcase, test_after_its_time_it_is_read_again);
    tcase_add_test(tcase, test_what_a_write_made_of_it_is_known);
    tcase_add_test(tcase, test_what_does_not_exist_is_asked_for_each_time);
    tcase_add_test(tcase, test_of_a_kind_whose_absence_may_be_old_it_is_known_too);
    tcase_add_test(tcase, test_after_its_time_it_is_asked_for_again_too);
    tcase_add_test(tcase, test_an_absence_that_is_overtaken_is_nobody_elses);
    tcase_add_test(tcase, test_after_a_write_that_failed_it_is_read_again);
    tcase_add_loop_test(tcase, test_what_an_event_tells_to_be_old_is_read_again, 0, 2);
    tcase_add_loop_test(tcase, test_an_answer_that_is_overtaken_is_nobody_elses, 0, 4);
    tcase_add_test(tcase, test_a_write_that_is_heard_of_before_its_answer_is_known);
    tcase_add_test(tcase, test_few_are_kept);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
