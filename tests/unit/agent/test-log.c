/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/log.h"
#include "tests/lib/check-main.h"

static char *path;

static void
open_log(void)
{
    g_autofree char *folder = g_dir_make_tmp("lull-log-XXXXXX", NULL);

    path = g_build_filename(folder, "log", NULL);
    lull_log_init(FALSE);
    ck_assert(lull_log_open(path, NULL));
}

static void
remove_log(void)
{
    g_autofree char *folder = g_path_get_dirname(path);

    (void)g_unlink(path);
    (void)g_rmdir(folder);
    g_clear_pointer(&path, g_free);
}

/* Its lines without their time stamps; the last is empty. */
static GStrv
lines(void)
{
    g_autofree char *text = NULL;
    GStrv all;

    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    all = g_strsplit(text, "\n", -1);
    for (guint i = 0; all[i]; i++) {
        const char *colon = all[i][0] == '(' ? NULL : strstr(all[i], ": ");

        if (colon)
            memmove(all[i], colon + 2, strlen(colon + 2) + 1);
    }
    return all;
}

START_TEST(test_a_message_is_one_line_whatever_is_in_it)
{
    g_auto(GStrv) seen = NULL;

    g_message("%s", "a\n1.0: message: forged\x1b[2J b\xc3\xa4");
    seen = lines();
    ck_assert_uint_eq(g_strv_length(seen), 2);
    ck_assert_str_eq(seen[0], "message: a\\n1.0: message: forged\\x1b[2J b\xc3\xa4");
}
END_TEST

START_TEST(test_keeps_lines_back_while_held_and_writes_them_after)
{
    g_auto(GStrv) before = NULL;
    g_auto(GStrv) after = NULL;

    lull_log_hold(TRUE);
    g_message("first");
    g_message("second");
    before = lines();
    ck_assert_ptr_null(before[0]);
    lull_log_hold(FALSE);
    after = lines();
    ck_assert_str_eq(after[0], "message: first");
    ck_assert_str_eq(after[1], "message: second");
}
END_TEST

START_TEST(test_keeps_the_latest_lines_and_tells_how_many_were_lost)
{
    g_auto(GStrv) seen = NULL;

    lull_log_hold(TRUE);
    for (guint i = 0; i < LULL_LOG_KEPT + 2; i++)
        g_message("%u", i);
    lull_log_hold(FALSE);
    seen = lines();
    ck_assert_str_eq(seen[0], "message: 2");
    ck_assert_str_eq(seen[LULL_LOG_KEPT], "(2 lines were lost while frozen)");
}
END_TEST

START_TEST(test_keeps_no_more_bytes_than_it_should)
{
    g_autofree char *half = g_strnfill(LULL_LOG_KEPT_BYTES / 2, 'x');
    g_autofree char *large = g_strnfill(LULL_LOG_KEPT_BYTES, 'y');
    g_auto(GStrv) seen = NULL;

    lull_log_hold(TRUE);
    g_message("%s", half);
    g_message("%s", half);
    g_message("last");
    lull_log_hold(FALSE);
    lull_log_hold(TRUE);
    g_message("%s", large);
    lull_log_hold(FALSE);
    seen = lines();
    ck_assert_uint_eq(strlen(seen[0]), strlen("message: ") + LULL_LOG_KEPT_BYTES / 2);
    ck_assert_str_eq(seen[1], "message: last");
    ck_assert_str_eq(seen[2], "(1 lines were lost while frozen)");
    ck_assert_str_eq(seen[3], "(1 lines were lost while frozen)");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");

    tcase_add_checked_fixture(tcase, open_log, remove_log);
    tcase_add_test(tcase, test_a_message_is_one_line_whatever_is_in_it);
    tcase_add_test(tcase, test_keeps_lines_back_while_held_and_writes_them_after);
    tcase_add_test(tcase, test_keeps_the_latest_lines_and_tells_how_many_were_lost);
    tcase_add_test(tcase, test_keeps_no_more_bytes_than_it_should);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
