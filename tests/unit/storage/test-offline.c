/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/offline.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/image-mark.h"
#include "coordinator/storage/copies.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define CAPACITY (256 * 1024 * 1024)
#define DATA     (1024 * 1024)

static char *dir;
static char *folder;
static char *source;

static void
set_up(void)
{
    dir = g_dir_make_tmp("lull-offline-XXXXXX", NULL);
    folder = g_build_filename(dir, "attempt", NULL);
    source = g_build_filename(dir, "source", NULL);
    ck_assert_int_eq(g_mkdir(folder, 0700), 0);
}

static void
remove_tool(void)
{
    g_autofree char *tool = g_build_filename(dir, "qemu-img", NULL);

    g_unlink(tool);
}

static void
tear_down(void)
{
    lull_folder_remove(folder, NULL);
    g_unlink(source);
    remove_tool();
    g_rmdir(dir);
    g_clear_pointer(&dir, g_free);
    g_clear_pointer(&folder, g_free);
    g_clear_pointer(&source, g_free);
}

/* Somewhere in the midst of the image, which is else empty. */
static void
write_data(const char *format)
{
    g_autofree char *command = g_strdup_printf("write -q -P 7 %d %d", CAPACITY / 2, DATA);
    const char *argv[] = {"qemu-io", "-f", format, "-c", command, source, NULL};
    int status = -1;

    ck_assert(
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
    ck_assert_int_eq(status, 0);
}

static void
make_source(const char *format)
{
    if (g_str_equal(format, "qcow2")) {
        ck_assert(lull_image_create(source, CAPACITY, NULL, NULL));
    } else {
        const int fd = open(source, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        ck_assert_int_eq(ftruncate(fd, CAPACITY), 0);
        close(fd);
    }
    write_data(format);
}

/* As a cut leaves it. @mark: NULL where nothing would tell. */
static LullJson *
attempt_of(const char *format, const char *mark)
{
    LullJson *attempt = json_object_new_object();
    LullJson *volumes = json_object_new_array();
    LullJson *row = json_object_new_object();

    lull_json_set_string(row, "name", "vda");
    lull_json_set_string(row, "sourcePath", source);
    lull_json_set_string(row, "sourceFormat", format);
    lull_json_set_int(row, "capacity", CAPACITY);
    json_object_array_add(volumes, row);
    lull_json_take(attempt, "volumes", volumes);
    lull_json_set_string(lull_json_ensure(attempt, LULL_OFFLINE_MARKS), "vda", mark);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), NULL));
    return attempt;
}

static void
count(guint permille, gpointer told)
{
    ck_assert_uint_lt(permille, 1000);
    *(guint *)told += 1;
}

static gboolean
is_equal(const char *format, const char *copy)
{
    const char *argv[] = {"qemu-img", "compare", "-q", "-f", format, "-F", "qcow2", source, copy, NULL};
    int status = -1;

    return g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                        NULL) &&
           status == 0;
}

static const char *const formats[] = {"raw", "qcow2"};

START_TEST(what_was_interrupted_is_copied_whole_and_stays_sparse)
{
    g_autofree char *copy = g_build_filename(folder, "vda.qcow2", NULL);
    g_autofree char *mark = NULL;
    g_autoptr(LullJson) attempt = NULL;
    g_autoptr(LullOffline) offline = NULL;
    g_autoptr(GError) error = NULL;
    struct stat info;
    guint told = 0;

    make_source(formats[_i]);
    mark = lull_image_mark(source, formats[_i]);
    attempt = attempt_of(formats[_i], mark);
    ck_assert(g_file_set_contents(copy, "half of one", -1, NULL));
    offline = lull_offline_again(attempt, &error);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    ck_assert(lull_offline_copy(offline, folder, count, &told, NULL, &error));
    ck_assert(is_equal(formats[_i], copy));
    ck_assert_int_eq(stat(copy, &info), 0);
    ck_assert_int_lt(info.st_blocks * 512, 4 * DATA);
    ck_assert_int_eq(info.st_mode & 0777, 0600);
}
END_TEST

START_TEST(what_was_written_to_since_is_not_taken_for_the_same)
{
    g_autofree char *mark = NULL;
    g_autoptr(LullJson) attempt = NULL;
    g_autoptr(GError) error = NULL;

    make_source(formats[_i]);
    mark = lull_image_mark(source, formats[_i]);
    attempt = attempt_of(formats[_i], mark);
    write_data(formats[_i]);
    ck_assert_ptr_null(lull_offline_again(attempt, &error));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_CONFLICT) && strstr(error->message, source), "%s",
                  error->message);
}
END_TEST

START_TEST(an_owner_or_mode_is_no_change)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    make_source("raw");
    before = lull_image_mark(source, "raw");
    ck_assert_int_eq(g_chmod(source, 0640), 0);
    after = lull_image_mark(source, "raw");
    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(what_is_behind_an_image_counts)
{
    g_autofree char *over = g_build_filename(dir, "over", NULL);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    make_source("qcow2");
    ck_assert(lull_image_create(over, CAPACITY, "source", NULL));
    before = lull_image_mark(over, "qcow2");
    write_data("qcow2");
    after = lull_image_mark(over, "qcow2");
    g_unlink(over);
    ck_assert_str_ne(before, after);
}
END_TEST

START_TEST(where_nothing_would_tell_nothing_is_claimed)
{
    g_autoptr(LullJson) attempt = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_image_mark("/dev/null", "raw"));
    make_source("raw");
    attempt = attempt_of("raw", NULL);
    ck_assert(lull_offline_is(attempt));
    ck_assert_ptr_null(lull_offline_again(attempt, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_CONFLICT));
}
END_TEST

START_TEST(an_image_in_use_is_waited_for)
{
    g_autofree char *mark = NULL;
    g_autoptr(LullJson) attempt = NULL;
    g_autoptr(GError) error = NULL;
    LullImageLock *lock = NULL;

    make_source("raw");
    mark = lull_image_mark(source, "raw");
    attempt = attempt_of("raw", mark);
    lock = lull_image_lock(source, NULL);
    ck_assert_ptr_null(lull_offline_again(attempt, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_BUSY));
    lull_image_unlock(lock);
}
END_TEST

static LullOffline *
begin(void)
{
    g_autofree char *mark = NULL;
    g_autoptr(LullJson) attempt = NULL;
    LullOffline *offline = NULL;

    make_source("raw");
    mark = lull_image_mark(source, "raw");
    attempt = attempt_of("raw", mark);
    offline = lull_offline_again(attempt, NULL);
    ck_assert_ptr_nonnull(offline);
    return offline;
}

START_TEST(a_job_writes_down_how_it_ended_and_lets_the_image_go)
{
    LullCopies *jobs = lull_copies_new();
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};
    g_autoptr(LullJson) attempt = NULL;
    LullImageLock *lock = NULL;

    ck_assert(!lull_copies_look(jobs, folder, &progress));
    ck_assert(lull_copies_start(jobs, folder, &lull_copy_kind_offline, begin(), NULL));
    do {
        g_usleep(1000);
        ck_assert(lull_copies_look(jobs, folder, &progress));
    } while (progress.state == LULL_COPY_RUNNING);
    ck_assert_int_eq(progress.state, LULL_COPY_DONE);
    attempt = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, NULL);
    ck_assert(lull_json_bool(attempt, "copied", FALSE));
    lock = lull_image_lock(source, NULL);
    ck_assert_ptr_nonnull(lock);
    lull_image_unlock(lock);
    ck_assert(!lull_copies_look(jobs, folder, &progress));
    lull_copies_free(jobs);
}
END_TEST

START_TEST(a_job_that_is_stopped_leaves_the_image_and_no_word)
{
    LullCopies *jobs = lull_copies_new();
    g_autofree char *below = g_strconcat(folder, _i ? "" : "/", NULL);
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};
    LullImageLock *lock = NULL;

    ck_assert(lull_copies_start(jobs, folder, &lull_copy_kind_offline, begin(), NULL));
    lull_copies_stop(jobs, below);
    ck_assert(!lull_copies_look(jobs, folder, &progress));
    lock = lull_image_lock(source, NULL);
    ck_assert_ptr_nonnull(lock);
    lull_image_unlock(lock);
    lull_copies_free(jobs);
}
END_TEST

/* Has every copy stand still for as long as the file "gate" is there. */
static void
hold_copies(void)
{
    g_autofree char *real = g_find_program_in_path("qemu-img");
    g_autofree char *tool = g_build_filename(dir, "qemu-img", NULL);
    g_autofree char *gate = g_build_filename(dir, "gate", NULL);
    g_autofree char *path = g_strconcat(dir, ":", g_getenv("PATH"), NULL);
    g_autofree char *script = g_strdup_printf("#!/bin/sh\n"
                                              "case \"$*\" in *--target-is-zero*)"
                                              " while [ -e '%s' ]; do sleep 0.02; done ;; esac\n"
                                              "exec '%s' \"$@\"\n",
                                              gate, real);

    ck_assert(g_file_set_contents(gate, "", -1, NULL) && g_file_set_contents(tool, script, -1, NULL));
    ck_assert_int_eq(g_chmod(tool, 0755), 0);
    ck_assert(g_setenv("PATH", path, TRUE));
}

static void
let_copies_go(void)
{
    g_autofree char *gate = g_build_filename(dir, "gate", NULL);

    ck_assert_int_eq(g_unlink(gate), 0);
}

/* One of @n jobs on the same image, in folders of their own. */
static char *
start_one(LullCopies *jobs, guint n, LullJson *attempt)
{
    g_autofree char *name = g_strdup_printf("attempt-%u", n);
    char *own = g_build_filename(dir, name, NULL);
    LullOffline *offline = lull_offline_again(attempt, NULL);

    ck_assert_int_eq(g_mkdir(own, 0700), 0);
    ck_assert(lull_folder_write(own, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), NULL));
    ck_assert_ptr_nonnull(offline);
    ck_assert(lull_copies_start(jobs, own, &lull_copy_kind_offline, offline, NULL));
    return own;
}

static gboolean
job_waits(LullCopies *jobs, const char *own)
{
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};

    ck_assert(lull_copies_look(jobs, own, &progress));
    ck_assert_int_eq(progress.state, LULL_COPY_RUNNING);
    return progress.waits;
}

static void
until_it_runs(LullCopies *jobs, const char *own)
{
    while (job_waits(jobs, own))
        g_usleep(1000);
}

static void
until_it_is_done(LullCopies *jobs, const char *own)
{
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};

    while (lull_copies_look(jobs, own, &progress) && progress.state == LULL_COPY_RUNNING)
        g_usleep(1000);
    ck_assert_int_eq(progress.state, LULL_COPY_DONE);
}

START_TEST(two_jobs_copy_at_a_time_and_the_others_wait_their_turn)
{
    LullCopies *jobs = lull_copies_new();
    g_autofree char *mark = NULL;
    g_autoptr(LullJson) attempt = NULL;
    char *own[4];

    make_source("raw");
    mark = lull_image_mark(source, "raw");
    attempt = attempt_of("raw", mark);
    hold_copies();
    for (guint i = 0; i < G_N_ELEMENTS(own); i++)
        own[i] = start_one(jobs, i, attempt);
    until_it_runs(jobs, own[0]);
    until_it_runs(jobs, own[1]);
    ck_assert(job_waits(jobs, own[2]) && job_waits(jobs, own[3]));
    lull_copies_stop(jobs, own[2]); /* at once, although nothing is copied */
    ck_assert(job_waits(jobs, own[3]));
    lull_copies_stop(jobs, own[0]);
    until_it_runs(jobs, own[3]);
    let_copies_go();
    until_it_is_done(jobs, own[1]);
    until_it_is_done(jobs, own[3]);
    lull_copies_free(jobs);
    for (guint i = 0; i < G_N_ELEMENTS(own); i++) {
        lull_folder_remove(own[i], NULL);
        g_free(own[i]);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/offline");
    TCase *cases = tcase_create("offline");

    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, what_was_interrupted_is_copied_whole_and_stays_sparse, 0,
                        G_N_ELEMENTS(formats));
    tcase_add_loop_test(cases, what_was_written_to_since_is_not_taken_for_the_same, 0, G_N_ELEMENTS(formats));
    tcase_add_test(cases, an_owner_or_mode_is_no_change);
    tcase_add_test(cases, what_is_behind_an_image_counts);
    tcase_add_test(cases, where_nothing_would_tell_nothing_is_claimed);
    tcase_add_test(cases, an_image_in_use_is_waited_for);
    tcase_add_test(cases, a_job_writes_down_how_it_ended_and_lets_the_image_go);
    tcase_add_loop_test(cases, a_job_that_is_stopped_leaves_the_image_and_no_word, 0, 2);
    tcase_add_test(cases, two_jobs_copy_at_a_time_and_the_others_wait_their_turn);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
