/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/ahead.h"

#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define AT_ONCE 5

/* It answers nobody before all have asked. */
typedef struct {
    LullStore base;
    GMutex lock;
    GCond changed;
    guint asked, awaited;
} Slow;

static void
await_others(Slow *self)
{
    g_mutex_lock(&self->lock);
    self->asked++;
    g_cond_broadcast(&self->changed);
    while (self->asked < self->awaited)
        g_cond_wait(&self->changed, &self->lock);
    g_mutex_unlock(&self->lock);
}

static LullJson *
slow_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    await_others((Slow *)store);
    if (!g_str_equal(name, "none"))
        return snapshot_json(name, "");
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "%s: no such object", name);
    return NULL;
}

static LullJson *
slow_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
          GError **error)
{
    await_others((Slow *)store);
    return json("{'items':[1,2]}");
}

static gint64
slow_now(LullStore *store)
{
    return 7;
}

static const LullStoreOps slow_ops = {.get = slow_get, .list = slow_list, .now = slow_now};

static const char *
name_of(LullStore *store, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = lull_store_get(store, &lull_kind_snapshot, "default", name, &error);

    ck_assert_no_error(error);
    return g_str_equal(lull_meta_name(object), name) ? name : NULL;
}

START_TEST(all_is_asked_at_once_and_each_reader_has_his_answer)
{
    const LullKind *kind = &lull_kind_snapshot;
    Slow slow = {.base = {&slow_ops}, .awaited = AT_ONCE};
    g_autoptr(LullStore) store = lull_store_ahead_new(&slow.base);
    const LullWant wants[AT_ONCE] = {{kind, "default", "a"},
                                     {kind, NULL, NULL},
                                     {kind, "default", "none"},
                                     {kind, "default", "b"},
                                     {kind, "default", NULL}};
    g_autoptr(LullJson) list = NULL, others = NULL, absent = NULL;
    g_autoptr(GError) error = NULL;

    lull_store_ahead_ask(store, wants, AT_ONCE);
    ck_assert_str_eq(name_of(store, "a"), "a");
    ck_assert_str_eq(name_of(store, "b"), "b");
    ck_assert_str_eq(name_of(store, "b"), "b"); /* as often as one wants to know */
    list = lull_store_list(store, kind, NULL, NULL, NULL);
    others = lull_store_list(store, kind, "default", NULL, NULL);
    ck_assert(list && others);
    absent = lull_store_get(store, kind, "default", "none", &error);
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    ck_assert_uint_eq(slow.asked, AT_ONCE);
}
END_TEST

START_TEST(what_was_not_asked_ahead_is_asked_then)
{
    const LullListOptions selected = {.label_selector = "a=b"};
    const LullWant all = {&lull_kind_snapshot, NULL, NULL};
    Slow slow = {.base = {&slow_ops}};
    g_autoptr(LullStore) store = lull_store_ahead_new(&slow.base);
    g_autoptr(LullJson) list = NULL;

    lull_store_ahead_ask(store, &all, 1);
    ck_assert_str_eq(name_of(store, "a"), "a");
    list = lull_store_list(store, &lull_kind_snapshot, NULL, &selected, NULL);
    ck_assert_uint_eq(slow.asked, 3);
}
END_TEST

START_TEST(what_is_known_is_not_asked_again)
{
    const LullWant wants[] = {{&lull_kind_snapshot, "default", "a"}, {&lull_kind_snapshot, "default", "a"}};
    Slow slow = {.base = {&slow_ops}};
    g_autoptr(LullStore) store = lull_store_ahead_new(&slow.base);

    lull_store_ahead_ask(store, wants, 0);
    ck_assert_uint_eq(slow.asked, 0);
    lull_store_ahead_ask(store, wants, 2);
    lull_store_ahead_ask(store, wants, 2);
    ck_assert_uint_eq(slow.asked, 1);
}
END_TEST

START_TEST(more_than_are_asked_at_once_are_answered_too)
{
    Slow slow = {.base = {&slow_ops}};
    g_autoptr(LullStore) store = lull_store_ahead_new(&slow.base);
    LullWant wants[100];
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < G_N_ELEMENTS(wants); i++) {
        g_ptr_array_add(names, g_strdup_printf("n%u", i));
        wants[i] = (LullWant){&lull_kind_snapshot, "default", names->pdata[i]};
    }
    lull_store_ahead_ask(store, wants, G_N_ELEMENTS(wants));
    for (guint i = 0; i < names->len; i++)
        ck_assert_str_eq(name_of(store, names->pdata[i]), names->pdata[i]);
    ck_assert_uint_eq(slow.asked, G_N_ELEMENTS(wants));
}
END_TEST

START_TEST(what_time_it_is_the_store_behind_it_says)
{
    Slow slow = {.base = {&slow_ops}};
    g_autoptr(LullStore) store = lull_store_ahead_new(&slow.base);

    ck_assert_int_eq(lull_store_now(store), 7);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("ahead");
    TCase *tcase = tcase_create("ahead");

    tcase_add_test(tcase, all_is_asked_at_once_and_each_reader_has_his_answer);
    tcase_add_test(tcase, what_was_not_asked_ahead_is_asked_then);
    tcase_add_test(tcase, what_is_known_is_not_asked_again);
    tcase_add_test(tcase, more_than_are_asked_at_once_are_answered_too);
    tcase_add_test(tcase, what_time_it_is_the_store_behind_it_says);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
