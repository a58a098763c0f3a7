/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/credentials.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static char *dir, *token_path, *ca_path;
static LullKubeConfig *config;
static LullCredentials *credentials;

static void
write_file(const char *path, const char *text)
{
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static void
setup(void)
{
    dir = g_dir_make_tmp("lull-credentials-XXXXXX", NULL);
    token_path = g_build_filename(dir, "token", NULL);
    ca_path = g_build_filename(dir, "ca.crt", NULL);
    write_file(token_path, "one\n");
    write_file(ca_path, "-----BEGIN A");
    config = g_new0(LullKubeConfig, 1);
    config->token.path = g_strdup(token_path);
    config->ca.path = g_strdup(ca_path);
    credentials = lull_credentials_new(config);
}

static void
teardown(void)
{
    g_clear_pointer(&credentials, lull_credentials_free);
    g_clear_pointer(&config, lull_kube_config_free);
    (void)g_remove(token_path);
    (void)g_remove(ca_path);
    (void)g_rmdir(dir);
    g_clear_pointer(&dir, g_free);
    g_clear_pointer(&token_path, g_free);
    g_clear_pointer(&ca_path, g_free);
}

static void
expect_authorization(gint64 now, const char *header)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullCredential) credential = lull_credentials_get(credentials, now, &error);

    ck_assert_no_error(error);
    ck_assert_str_eq(credential->authorization, header);
}

START_TEST(a_token_that_is_replaced_is_read_again_within_a_minute)
{
    expect_authorization(LULL_SEC(100), "Authorization: Bearer one");
    write_file(token_path, "two");
    expect_authorization(LULL_SEC(149), "Authorization: Bearer one");
    expect_authorization(LULL_SEC(151), "Authorization: Bearer two");
}
END_TEST

START_TEST(a_token_in_doubt_is_read_again_soon_but_not_in_a_storm)
{
    g_autoptr(LullCredential) first = lull_credentials_get(credentials, LULL_SEC(100), NULL);

    write_file(token_path, "two");
    ck_assert_int_eq(lull_credentials_renewal(credentials, LULL_SEC(100) + 1), 0);
    lull_credentials_doubt(credentials, first);
    ck_assert_int_eq(lull_credentials_renewal(credentials, LULL_SEC(100) + LULL_MSEC(400)), LULL_MSEC(600));
    ck_assert_int_eq(lull_credentials_renewal(credentials, LULL_SEC(200)), 0);
    expect_authorization(LULL_SEC(100) + LULL_MSEC(500), "Authorization: Bearer one");
    expect_authorization(LULL_SEC(101), "Authorization: Bearer two");
    write_file(token_path, "three");
    lull_credentials_doubt(credentials, first); /* that is long gone */
    expect_authorization(LULL_SEC(103), "Authorization: Bearer two");
}
END_TEST

START_TEST(what_cannot_be_read_again_is_used_on)
{
    expect_authorization(LULL_SEC(100), "Authorization: Bearer one");
    (void)g_remove(token_path);
    expect_authorization(LULL_SEC(200), "Authorization: Bearer one");
    write_file(token_path, "four words in it");
    expect_authorization(LULL_SEC(300), "Authorization: Bearer one");
    write_file(token_path, "five");
    expect_authorization(LULL_SEC(400), "Authorization: Bearer five");
}
END_TEST

START_TEST(what_was_never_there_is_an_error_that_names_it)
{
    g_autoptr(GError) error = NULL;

    (void)g_remove(ca_path);
    ck_assert_ptr_null(lull_credentials_get(credentials, LULL_SEC(100), &error));
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error->message, ca_path));
}
END_TEST

START_TEST(neither_pipes_nor_directories_nor_floods_are_read)
{
    g_autofree char *flood = g_malloc(2 * 1024 * 1024);
    g_autoptr(GError) error = NULL;

    (void)g_remove(ca_path);
    ck_assert_int_eq(mkfifo(ca_path, 0600), 0);
    ck_assert_ptr_null(lull_credentials_get(credentials, LULL_SEC(100), &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    g_clear_error(&error);
    (void)g_remove(ca_path);
    memset(flood, 'a', 2 * 1024 * 1024);
    ck_assert(g_file_set_contents(ca_path, flood, 2 * 1024 * 1024, NULL));
    ck_assert_ptr_null(lull_credentials_get(credentials, LULL_SEC(200), &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(certificates_are_files_that_stay_for_who_has_them)
{
    g_autoptr(LullCredential) first = lull_credentials_get(credentials, LULL_SEC(100), NULL);
    g_autoptr(LullCredential) same = lull_credentials_get(credentials, LULL_SEC(200), NULL);
    g_autofree char *first_text = NULL;
    g_autofree char *second_text = NULL;

    ck_assert_ptr_eq(first, same);
    write_file(ca_path, "-----BEGIN B");
    g_autoptr(LullCredential) second = lull_credentials_get(credentials, LULL_SEC(300), NULL);
    ck_assert_str_ne(first->ca, second->ca);
    ck_assert(g_file_get_contents(first->ca, &first_text, NULL, NULL));
    ck_assert(g_file_get_contents(second->ca, &second_text, NULL, NULL));
    ck_assert_str_eq(first_text, "-----BEGIN A");
    ck_assert_str_eq(second_text, "-----BEGIN B");
    ck_assert_ptr_null(second->certificate);
    ck_assert_ptr_null(second->key);
}
END_TEST

static Suite *
make_suite(void)
{
    const TTest *const tests[] = {
        a_token_that_is_replaced_is_read_again_within_a_minute,
        a_token_in_doubt_is_read_again_soon_but_not_in_a_storm,
        what_cannot_be_read_again_is_used_on,
        what_was_never_there_is_an_error_that_names_it,
        neither_pipes_nor_directories_nor_floods_are_read,
        certificates_are_files_that_stay_for_who_has_them,
    };
    Suite *suite = suite_create("credentials");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, setup, teardown);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
