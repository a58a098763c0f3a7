/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Merging contents, with real images, by a process that is killed or stands still at each step, and is killed
 * while it writes. */

#include "coordinator/storage/merge.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/storage/lineage.h"
#include "protocol/error.h"
#include "protocol/step-init.h"
#include "tests/lib/contents.h"

#define FULL   "aaaaaaaa-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define MIDDLE "bbbbbbbb-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define LAST   "cccccccc-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define VM     "dddddddd-0f0a-4f0e-9d0b-3a7a3c1d2e4f"

static char *directory;

/* What LAST shows: clusters 0-1 of 'a', 2-3 of 'b', 4-5 of 'c', 6-7 of 'a'. */
static void
set_up(void)
{
    directory = g_dir_make_tmp("merge-XXXXXX", NULL);
    content_store(directory, FULL, NULL, VM, "d", "/i", 'a', 0, 8);
    content_store(directory, MIDDLE, FULL, VM, "d", "/i", 'b', 2, 3);
    content_store(directory, LAST, MIDDLE, VM, "d", "/i", 'c', 4, 2);
}

static void
tear_down(void)
{
    lull_folder_remove(directory, NULL);
    g_clear_pointer(&directory, g_free);
}

static char *
path_of(const char *uid)
{
    return g_build_filename(directory, uid, "vda.qcow2", NULL);
}

static void
expect_shown(const char *uid, const char *clusters)
{
    g_autofree char *path = path_of(uid);

    for (guint i = 0; i < strlen(clusters); i++)
        content_expect(path, clusters[i], i);
}

static gboolean
merge(const char *uid, const char *child, GError **error)
{
    g_autofree char *folder = g_build_filename(directory, uid, NULL);

    return lull_merge_mark(folder, error) && lull_merge_run(directory, uid, child, NULL, error);
}

/* Sums, sizes and chain of @uid are what its manifest says. */
static void
expect_whole(const char *uid, guint n_files)
{
    g_autofree char *folder = g_build_filename(directory, uid, NULL);
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);
    g_autoptr(GPtrArray) files = lull_lineage_files(directory, uid, manifest, NULL);

    ck_assert_uint_eq(files->len, n_files);
    for (guint i = 0; i < files->len; i++) {
        const LullStoredFile *file = files->pdata[i];
        g_autofree char *sum = lull_folder_sha256(file->path, NULL, NULL);

        ck_assert_str_eq(sum, file->sha256);
    }
}

static void
remove_content(const char *uid)
{
    g_autofree char *folder = g_build_filename(directory, uid, NULL);

    ck_assert(lull_folder_remove(folder, NULL));
}

START_TEST(a_middle_one_goes_into_its_child)
{
    g_autoptr(GError) error = NULL;

    ck_assert_msg(merge(MIDDLE, LAST, &error), "%s", error->message);
    remove_content(MIDDLE);
    expect_shown(LAST, "aabbccaa");
    expect_whole(LAST, 2);
    expect_whole(FULL, 1);
    expect_shown(FULL, "aaaaaaaa");
}
END_TEST

START_TEST(the_full_one_goes_into_its_child_which_is_full_then)
{
    ck_assert(merge(FULL, MIDDLE, NULL));
    remove_content(FULL);
    expect_shown(MIDDLE, "aabbbaaa");
    expect_whole(MIDDLE, 1);
    expect_shown(LAST, "aabbccaa");
    expect_whole(LAST, 2);
}
END_TEST

START_TEST(one_after_the_other_the_last_is_left)
{
    ck_assert(merge(FULL, MIDDLE, NULL));
    remove_content(FULL);
    ck_assert(merge(MIDDLE, LAST, NULL));
    remove_content(MIDDLE);
    expect_shown(LAST, "aabbccaa");
    expect_whole(LAST, 1);
}
END_TEST

static const char *const steps[] = {"coordinator.merge-committed", "coordinator.merge-moved",
                                    "coordinator.merged"};

/* A process of its own begins or goes on with the merge; @action, "kill" or "stop", strikes at @step. */
static pid_t
merge_until(const char *uid, const char *child, const char *step, const char *action)
{
    g_autofree char *armed = g_strconcat(step, "=", action, NULL);
    const pid_t victim = fork();
    int status = 0;

    if (victim == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* one that stands still would outlive a test that fails */
        g_setenv("LULL_AT_STEP", armed, TRUE);
        _exit(lull_steps_init(NULL) && merge(uid, child, NULL) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(victim, &status, WUNTRACED), victim);
    ck_assert(g_str_equal(action, "stop") ? WIFSTOPPED(status) : WIFSIGNALED(status));
    return victim;
}

START_TEST(a_merge_that_was_killed_leaves_everything_readable_and_goes_on)
{
    merge_until(MIDDLE, LAST, steps[_i], "kill");
    expect_shown(LAST, "aabbccaa");
    ck_assert(merge(MIDDLE, LAST, NULL));
    remove_content(MIDDLE);
    expect_shown(LAST, "aabbccaa");
    expect_whole(LAST, 2);
}
END_TEST

START_TEST(one_that_stands_still_leaves_everything_readable_meanwhile_and_ends_well)
{
    const pid_t sleeper = merge_until(MIDDLE, LAST, steps[_i], "stop");
    int status = 0;

    expect_shown(LAST, "aabbccaa");
    expect_shown(FULL, "aaaaaaaa");
    ck_assert_int_eq(kill(sleeper, SIGCONT), 0);
    ck_assert_int_eq(waitpid(sleeper, &status, 0), sleeper);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    remove_content(MIDDLE);
    expect_shown(LAST, "aabbccaa");
    expect_whole(LAST, 2);
    expect_whole(FULL, 1);
}
END_TEST

START_TEST(one_that_is_killed_again_and_again_goes_on_each_time)
{
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++)
        for (guint again = 0; again < 2; again++) {
            merge_until(FULL, MIDDLE, steps[i], "kill");
            expect_shown(MIDDLE, "aabbbaaa");
            expect_shown(LAST, "aabbccaa");
        }
    ck_assert(merge(FULL, MIDDLE, NULL));
    remove_content(FULL);
    expect_shown(MIDDLE, "aabbbaaa");
    expect_whole(MIDDLE, 1);
    expect_shown(LAST, "aabbccaa");
    expect_whole(LAST, 2);
}
END_TEST

/* No file grows in it: who writes the merged data is killed where it would, which is after part of them. */
static void
merge_without_room(const char *uid, const char *child)
{
    g_autofree char *path = path_of(uid);
    const pid_t victim = fork();
    struct stat before, after;
    int status = 0;

    ck_assert_int_eq(stat(path, &before), 0);
    if (victim == 0) {
        const struct rlimit limit = {(rlim_t)before.st_size, (rlim_t)before.st_size};

        _exit(setrlimit(RLIMIT_FSIZE, &limit) == 0 && !merge(uid, child, NULL) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(victim, &status, 0), victim);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert(after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
              after.st_mtim.tv_nsec != before.st_mtim.tv_nsec); /* it had begun */
}

START_TEST(one_that_is_killed_while_it_writes_leaves_everything_readable_and_goes_on)
{
    merge_without_room(MIDDLE, LAST);
    expect_shown(LAST, "aabbccaa");
    ck_assert(merge(MIDDLE, LAST, NULL));
    remove_content(MIDDLE);
    expect_shown(LAST, "aabbccaa");
    expect_whole(LAST, 2);
}
END_TEST

static const char *const damaged[] = {MIDDLE, LAST};

START_TEST(a_damage_is_never_given_a_new_sum)
{
    g_autofree char *path = path_of(damaged[_i]);
    g_autoptr(GError) error = NULL;

    content_write(path, 'x', 7, 1);
    ck_assert(!merge(MIDDLE, LAST, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_ptr_nonnull(strstr(error->message, path));
}
END_TEST

START_TEST(what_goes_says_so_before_anything_is_done)
{
    g_autofree char *folder = g_build_filename(directory, MIDDLE, NULL);

    ck_assert(!lull_merge_is_removing(folder));
    ck_assert(lull_merge_mark(folder, NULL));
    ck_assert(lull_merge_is_removing(folder));
    ck_assert_ptr_null(lull_merge_heir(directory, MIDDLE));
    ck_assert(merge(MIDDLE, LAST, NULL));
    g_autofree char *heir = lull_merge_heir(directory, MIDDLE);
    ck_assert_str_eq(heir, LAST);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("merge");
    TCase *cases = tcase_create("merge");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_middle_one_goes_into_its_child);
    tcase_add_test(cases, the_full_one_goes_into_its_child_which_is_full_then);
    tcase_add_test(cases, one_after_the_other_the_last_is_left);
    tcase_add_loop_test(cases, a_merge_that_was_killed_leaves_everything_readable_and_goes_on, 0,
                        G_N_ELEMENTS(steps));
    tcase_add_loop_test(cases, one_that_stands_still_leaves_everything_readable_meanwhile_and_ends_well, 0,
                        G_N_ELEMENTS(steps));
    tcase_add_test(cases, one_that_is_killed_again_and_again_goes_on_each_time);
    tcase_add_test(cases, one_that_is_killed_while_it_writes_leaves_everything_readable_and_goes_on);
    tcase_add_loop_test(cases, a_damage_is_never_given_a_new_sum, 0, G_N_ELEMENTS(damaged));
    tcase_add_test(cases, what_goes_says_so_before_anything_is_done);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
