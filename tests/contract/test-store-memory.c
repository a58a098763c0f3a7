/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/contract/store-contract.h"

/* The contract of store.h: what stores of our own forget, and what they never do. */

START_TEST(a_forgotten_version_is_expired)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(LullJson) second = create("snap-2", "");
    g_autoptr(LullJson) page = list(&(LullListOptions){.limit = 1});
    const char *token = lull_json_string(lull_json_object(page, "metadata"), "continue", NULL);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 2 * LOG_EVENTS; i++) {
        g_autofree char *text = g_strdup_printf("{'status':{'sourceUID':'%d'}}", i);
        json_object_put(patch("snap", LULL_PATCH_STATUS, text));
    }
    ck_assert_ptr_null(
        lull_store_watch(store, KIND, NS, lull_meta_version(created), NULL, log_event, NULL, &error));
    ck_assert_error(error, LULL_ERROR_EXPIRED);
    g_clear_error(&error);
    ck_assert_ptr_null(lull_store_list(store, KIND, NS, &(LullListOptions){.continue_token = token}, &error));
    ck_assert_error(error, LULL_ERROR_EXPIRED);
}
END_TEST

START_TEST(objects_outlive_the_store_that_wrote_them)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) a = create("a", "");
    g_autoptr(LullJson) b = create("b", "");
    lull_store_free(store);
    store = open_local(dir);
    g_autoptr(LullJson) read = get("a");
    Log log = {0};

    ck_assert(lull_json_equal(a, read));
    log_start(&log, lull_meta_version(a));
    g_autoptr(LullJson) c = create("c", "");
    ck_assert_str_ne(lull_meta_version(c), lull_meta_version(b));
    log_wait(&log, 2);
    ck_assert_str_eq(log.events->str, " +b +c");
    log_stop(&log);
}
END_TEST

static Suite *
make_suite(void)
{
    const TTest *const tests[] = {
        a_forgotten_version_is_expired,
        objects_outlive_the_store_that_wrote_them,
    };

    return contract_suite("store-memory", TRUE, tests, G_N_ELEMENTS(tests));
}

LULL_CHECK_MAIN(make_suite)
