/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/copies.h"

#include "coordinator/storage/folder.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define FAILURES 3

static char *folder;

static void
set_up(void)
{
    folder = g_dir_make_tmp("lull-copies-XXXXXX", NULL);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_ATTEMPT, "{}", NULL));
}

static void
tear_down(void)
{
    lull_folder_remove(folder, NULL);
    g_clear_pointer(&folder, g_free);
}

/* A copy whose putting away is refused. */
typedef struct {
    gboolean fails;
    gint failures;
    gint tries;    /* atomic */
    gint untimely; /* before its end was written down */
} Work;

static gboolean
run(gpointer data, const char *where, LullJson *attempt, LullImageProgress progress, gpointer user_data,
    GCancellable *cancel, GError **error)
{
    if (((Work *)data)->fails)
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the server is gone");
    return !((Work *)data)->fails;
}

static gboolean
end(gpointer data, const char *where, LullJson *attempt, GError **error)
{
    Work *work = data;
    g_autoptr(LullJson) written = lull_folder_read_json(where, LULL_FOLDER_ATTEMPT, NULL);

    if (!lull_json_bool(written, work->fails ? "failed" : "copied", FALSE))
        work->untimely++;
    if (g_atomic_int_add(&work->tries, 1) >= work->failures)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "libvirt is away");
    return FALSE;
}

static const LullCopyKind kind = {.run = run, .ended = end};

START_TEST(one_is_put_away_before_it_is_told_to_be_over_without_anybody_who_asks)
{
    LullCopies *copies = lull_copies_new();
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};
    Work work = {.fails = _i, .failures = FAILURES};

    ck_assert(lull_copies_start(copies, folder, &kind, &work, NULL));
    while (g_atomic_int_get(&work.tries) <= FAILURES)
        g_usleep(1000);
    do
        ck_assert(lull_copies_look(copies, folder, &progress));
    while (progress.state == LULL_COPY_RUNNING);
    ck_assert_int_eq(progress.state, _i ? LULL_COPY_FAILED : LULL_COPY_DONE);
    ck_assert_int_eq(work.tries, FAILURES + 1);
    ck_assert_int_eq(work.untimely, 0);
    lull_copies_free(copies);
}
END_TEST

START_TEST(one_that_is_stopped_is_not_put_away_any_longer)
{
    LullCopies *copies = lull_copies_new();
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};
    Work work = {.failures = G_MAXINT};

    ck_assert(lull_copies_start(copies, folder, &kind, &work, NULL));
    while (g_atomic_int_get(&work.tries) < 1)
        g_usleep(1000);
    ck_assert(lull_copies_look(copies, folder, &progress));
    ck_assert_int_eq(progress.state, LULL_COPY_RUNNING);
    lull_copies_stop(copies, folder);
    ck_assert(!lull_copies_look(copies, folder, &progress));
    lull_copies_free(copies);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/copies");
    TCase *cases = tcase_create("copies");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, one_is_put_away_before_it_is_told_to_be_over_without_anybody_who_asks, 0, 2);
    tcase_add_test(cases, one_that_is_stopped_is_not_put_away_any_longer);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
