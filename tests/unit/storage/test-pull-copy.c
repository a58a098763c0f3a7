/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/copy.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/image.h"
#include "protocol/error.h"
#include "coordinator/storage/pull/watchdog.h"
#include "tests/lib/check-main.h"

#define MIB      ((guint64)1024 * 1024)
#define CAPACITY (64 * MIB)

static char *dir;
static char *source;
static char *base;
static char *made;
static char *socket_path;
static GPid server;

static void
set_up(void)
{
    dir = g_dir_make_tmp("lull-pull-XXXXXX", NULL);
    source = g_build_filename(dir, "source", NULL);
    base = g_build_filename(dir, "base.qcow2", NULL);
    made = g_build_filename(dir, "made.qcow2", NULL);
    socket_path = g_build_filename(dir, "nbd", NULL);
}

static void
stop_server(void)
{
    if (!server)
        return;
    kill(server, SIGKILL);
    ck_assert_int_eq(waitpid(server, NULL, 0), server);
    server = 0;
}

static void
tear_down(void)
{
    stop_server();
    lull_folder_remove(dir, NULL);
    g_clear_pointer(&dir, g_free);
    g_clear_pointer(&source, g_free);
    g_clear_pointer(&base, g_free);
    g_clear_pointer(&made, g_free);
    g_clear_pointer(&socket_path, g_free);
}

static gboolean
run_argv(const char *const *argv)
{
    int status = -1;

    return g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                        NULL) &&
           status == 0;
}

#define RUN(...) run_argv((const char *const[]){__VA_ARGS__, NULL})

static void
io(const char *format, const char *command)
{
    ck_assert(RUN("qemu-io", "-f", format, "-c", command, source));
}

static void
make_source(const char *format, guint64 capacity)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, capacity);

    ck_assert(RUN("qemu-img", "create", "-q", "-f", format, source, size));
}

static void
die_with_parent(gpointer user_data)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int
try_to_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, socket_path, sizeof address.sun_path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void
start_server(const char *format, const char *bitmap)
{
    const char *argv[] = {"qemu-nbd", "-r", "-t",        "-e", "16",   "-x", "vda", "-f",
                          format,     "-k", socket_path, "-A", source, NULL, NULL,  NULL};
    int fd;

    if (bitmap) {
        argv[12] = "-B";
        argv[13] = bitmap;
        argv[14] = source;
    }
    ck_assert(g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                            die_with_parent, NULL, &server, NULL));
    while ((fd = try_to_connect()) < 0) {
        ck_assert_int_eq(waitpid(server, NULL, WNOHANG), 0);
        g_usleep(5000);
    }
    close(fd);
}

static LullPullVolume
volume_of(guint64 capacity)
{
    return (LullPullVolume){.socket = socket_path, .export = "vda", .path = made, .capacity = capacity};
}

/* What was copied is as the source, sound, and sums up to what was said. */
static void
must_copy(const LullPullVolume *volume, const char *format)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *sum = NULL;
    g_autofree char *now = NULL;
    gboolean copied = lull_pull_copy(volume, NULL, NULL, NULL, &sum, &error);
    struct stat info;

    ck_assert_msg(copied, "%s", error ? error->message : "");
    stop_server();
    now = lull_folder_sha256(volume->path, NULL, NULL);
    ck_assert_str_eq(sum, now);
    ck_assert(stat(volume->path, &info) == 0 && (info.st_mode & 07777) == 0600);
    ck_assert(RUN("qemu-img", "check", "-q", "-f", "qcow2", volume->path));
    ck_assert(RUN("qemu-img", "compare", "-q", "-f", format, "-F", "qcow2", source, volume->path));
}

static guint64
size_of_made(void)
{
    struct stat info;

    ck_assert_int_eq(stat(made, &info), 0);
    return (guint64)info.st_size;
}

static void
must_fail(const LullPullVolume *volume, LullPullProgress progress, gpointer data, GCancellable *cancel,
          LullError code)
{
    g_autoptr(GError) error = NULL;
    char *sum = NULL;

    ck_assert(!lull_pull_copy(volume, progress, data, cancel, &sum, &error));
    ck_assert_ptr_null(sum);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(lull_error_is(error, code), "%s", error->message);
    ck_assert_ptr_nonnull(strstr(error->message, "vda"));
    ck_assert(!g_file_test(volume->path, G_FILE_TEST_EXISTS));
}

static const char *const formats[] = {"raw", "qcow2"};

START_TEST(a_full_disk_is_copied_as_it_is)
{
    const LullPullVolume volume = volume_of(CAPACITY);

    make_source(formats[_i], CAPACITY);
    io(formats[_i], "write -q -P 7 0 64M");
    io(formats[_i], "write -q -P 9 5M 3M");
    start_server(formats[_i], NULL);
    must_copy(&volume, formats[_i]);
}
END_TEST

START_TEST(a_sparse_disk_stays_sparse)
{
    const LullPullVolume volume = volume_of(8 * 1024 * MIB + 512);

    make_source(formats[_i], volume.capacity);
    io(formats[_i], "write -q -P 1 0 4k");
    io(formats[_i], "write -q -P 2 3G 1M");
    io(formats[_i], "write -q -z 5G 1M");
    io(formats[_i], "write -q -P 3 8G 512");
    start_server(formats[_i], NULL);
    must_copy(&volume, formats[_i]);
    ck_assert_uint_lt(size_of_made(), 4 * MIB);
}
END_TEST

START_TEST(an_empty_disk_is_copied)
{
    const LullPullVolume volume = volume_of(CAPACITY);

    make_source("raw", CAPACITY);
    start_server("raw", NULL);
    must_copy(&volume, "raw");
}
END_TEST

START_TEST(a_size_that_is_no_sector_is_the_one_that_the_machine_sees)
{
    const LullPullVolume volume = volume_of(CAPACITY + 100);

    make_source("raw", CAPACITY);
    io("raw", "write -q -P 5 60M 4M");
    ck_assert_int_eq(truncate(source, (off_t)volume.capacity), 0);
    start_server("raw", NULL);
    must_copy(&volume, "raw");
}
END_TEST

/* Scattered as a guest scatters it, in another way for each seed. */
static void
write_anywhere(guint32 seed)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(argv, g_strdup("qemu-io"));
    g_ptr_array_add(argv, g_strdup("-f"));
    g_ptr_array_add(argv, g_strdup("qcow2"));
    for (guint i = 0; i < 60; i++) {
        const gint32 at = g_rand_int_range(random, 0, (gint32)(CAPACITY / 512) - 600);
        const gint32 n = g_rand_int_range(random, 1, 600);
        const gboolean is_zero = g_rand_int_range(random, 0, 4) == 0;

        g_ptr_array_add(argv, g_strdup("-c"));
        g_ptr_array_add(argv,
                        g_strdup_printf("write -q %s %d %d", is_zero ? "-z" : "-P 77", at * 512, n * 512));
    }
    g_ptr_array_add(argv, g_strdup(source));
    g_ptr_array_add(argv, NULL);
    ck_assert(run_argv((const char *const *)argv->pdata));
}

static const char *const granularities[] = {"512", "4k", "64k", "2M"};

START_TEST(what_changed_goes_on_top_of_what_was)
{
    const char *granularity = granularities[_i];
    LullPullVolume volume = volume_of(CAPACITY);

    make_source("qcow2", CAPACITY);
    io("qcow2", "write -q -P 7 3M 30M");
    write_anywhere((guint32)_i);
    volume.path = base;
    start_server("qcow2", NULL);
    must_copy(&volume, "qcow2");
    ck_assert(RUN("qemu-img", "bitmap", "--add", "-g", granularity, "-f", "qcow2", source, "backup-vda"));
    write_anywhere((guint32)_i + 1000);
    ck_assert(RUN("qemu-img", "bitmap", "--disable", "-f", "qcow2", source, "backup-vda"));
    start_server("qcow2", "backup-vda");
    volume.path = made;
    volume.bitmap = "backup-vda";
    volume.backing = "base.qcow2";
    must_copy(&volume, "qcow2");
}
END_TEST

START_TEST(only_what_changed_is_read)
{
    LullPullVolume volume = volume_of(CAPACITY);

    make_source("qcow2", CAPACITY);
    io("qcow2", "write -q -P 7 0 64M");
    ck_assert(RUN("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", source, base));
    ck_assert(RUN("qemu-img", "bitmap", "--add", "-f", "qcow2", source, "b"));
    io("qcow2", "write -q -P 8 7M 1M");
    io("qcow2", "write -q -z 20M 8M");
    ck_assert(RUN("qemu-img", "bitmap", "--disable", "-f", "qcow2", source, "b"));
    start_server("qcow2", "b");
    volume.bitmap = "b";
    volume.backing = "base.qcow2";
    must_copy(&volume, "qcow2");
    ck_assert_uint_lt(size_of_made(), 2 * MIB);
}
END_TEST

START_TEST(a_chain_is_read_as_one_disk)
{
    const LullPullVolume volume = volume_of(CAPACITY);

    make_source("qcow2", CAPACITY);
    io("qcow2", "write -q -P 7 0 9M");
    ck_assert_int_eq(g_rename(source, base), 0);
    ck_assert(lull_image_create(source, CAPACITY, "base.qcow2", NULL));
    io("qcow2", "write -q -P 8 8M 2M");
    io("qcow2", "write -q -z 1M 1M");
    start_server("qcow2", NULL);
    must_copy(&volume, "qcow2");
}
END_TEST

typedef struct {
    guint64 done;
    guint64 total;
    GCancellable *cancel;
    gboolean refuse;
    gboolean kill;
} Seen;

static gboolean
on_progress(guint64 done, guint64 total, gpointer data, GError **error)
{
    Seen *seen = data;

    ck_assert_uint_le(done, total);
    ck_assert_uint_ge(done, seen->done);
    seen->done = done;
    seen->total = total;
    if (seen->cancel)
        g_cancellable_cancel(seen->cancel);
    if (seen->kill)
        stop_server();
    if (seen->refuse)
        g_set_error(error, LULL_ERROR, LULL_ERROR_NO_SPACE, "no room");
    return !seen->refuse;
}

static void
serve_full(void)
{
    make_source("raw", CAPACITY);
    io("raw", "write -q -P 7 0 64M");
    start_server("raw", NULL);
}

START_TEST(whoever_is_told_of_progress_may_end_it)
{
    const LullPullVolume volume = volume_of(CAPACITY);
    Seen seen = {.refuse = TRUE};

    serve_full();
    must_fail(&volume, on_progress, &seen, NULL, LULL_ERROR_NO_SPACE);
}
END_TEST

START_TEST(a_copy_can_be_cancelled)
{
    const LullPullVolume volume = volume_of(CAPACITY);
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    Seen seen = {.cancel = cancel};
    char *sum = NULL;

    serve_full();
    ck_assert(!lull_pull_copy(&volume, on_progress, &seen, cancel, &sum, &error));
    ck_assert(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
    ck_assert(!g_file_test(made, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(a_server_that_dies_is_lost)
{
    const LullPullVolume volume = volume_of(CAPACITY);
    Seen seen = {.kill = TRUE};

    serve_full();
    must_fail(&volume, on_progress, &seen, NULL, LULL_ERROR_LOST);
}
END_TEST

START_TEST(what_is_not_there_cannot_be_copied)
{
    LullPullVolume volume = volume_of(CAPACITY);

    must_fail(&volume, NULL, NULL, NULL, LULL_ERROR_NOT_FOUND); /* no server */
    serve_full();
    volume.bitmap = "other";
    must_fail(&volume, NULL, NULL, NULL, LULL_ERROR_INVALID);
    volume.bitmap = NULL;
    volume.capacity += 512;
    must_fail(&volume, NULL, NULL, NULL, LULL_ERROR_CONFLICT);
    volume.capacity = 0;
    must_fail(&volume, NULL, NULL, NULL, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(an_export_of_another_name_is_not_taken_for_it)
{
    LullPullVolume volume = volume_of(CAPACITY);

    serve_full();
    volume.export = "vdax";
    must_fail(&volume, NULL, NULL, NULL, LULL_ERROR_LOST);
}
END_TEST

START_TEST(a_file_that_is_there_is_left_alone)
{
    const LullPullVolume volume = volume_of(CAPACITY);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    char *sum = NULL;

    serve_full();
    ck_assert(g_file_set_contents(made, "mine", -1, NULL));
    ck_assert(!lull_pull_copy(&volume, NULL, NULL, NULL, &sum, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_EXISTS));
    ck_assert(g_file_get_contents(made, &text, NULL, NULL));
    ck_assert_str_eq(text, "mine");
}
END_TEST

/* Takes whoever comes, and says nothing. */
static int
serve_silence(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, socket_path, sizeof address.sun_path);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    return fd;
}

START_TEST(a_silent_server_is_not_waited_for_without_end)
{
    LullPullVolume volume = volume_of(CAPACITY);
    const int fd = serve_silence();

    volume.patience = G_USEC_PER_SEC / 5;
    must_fail(&volume, NULL, NULL, NULL, LULL_ERROR_TIMED_OUT);
    close(fd);
}
END_TEST

START_TEST(a_server_whose_queue_is_full_is_asked_again)
{
    LullPullVolume volume = volume_of(CAPACITY);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int first;

    volume.patience = G_USEC_PER_SEC / 5;
    g_strlcpy(address.sun_path, socket_path, sizeof address.sun_path);
    ck_assert_int_eq(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    first = try_to_connect();
    ck_assert_int_ge(first, 0);
    must_fail(&volume, NULL, NULL, NULL, LULL_ERROR_TIMED_OUT);
    close(first);
    close(listener);
    g_unlink(socket_path);
    make_source("raw", CAPACITY);
    start_server("raw", NULL);
    must_copy(&volume, "raw");
}
END_TEST

typedef struct {
    int listener;
    GCancellable *cancel;
} Silence;

/* Once somebody has come, to whom nothing is said. */
static gpointer
cancel_guest(gpointer data)
{
    const Silence *silence = data;
    const int guest = accept(silence->listener, NULL, NULL);

    g_cancellable_cancel(silence->cancel);
    return GINT_TO_POINTER(guest);
}

START_TEST(waiting_for_a_silent_server_can_be_cancelled)
{
    const LullPullVolume volume = volume_of(CAPACITY);
    const int fd = serve_silence();
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    Silence silence = {fd, cancel};
    g_autoptr(GError) error = NULL;
    GThread *thread = NULL;
    char *sum = NULL;

    ck_assert_int_ge(g_cancellable_get_fd(cancel), 0); /* made under a lock that sanitizers do not see */
    thread = g_thread_new("cancel", cancel_guest, &silence);
    ck_assert(!lull_pull_copy(&volume, NULL, NULL, cancel, &sum, &error));
    ck_assert(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
    close(GPOINTER_TO_INT(g_thread_join(thread)));
    g_cancellable_release_fd(cancel);
    close(fd);
}
END_TEST

static gpointer
copy_one(gpointer path)
{
    LullPullVolume volume = volume_of(CAPACITY);
    char *sum = NULL;

    volume.path = path;
    return lull_pull_copy(&volume, NULL, NULL, NULL, &sum, NULL) ? sum : NULL;
}

START_TEST(many_are_copied_at_the_same_time)
{
    GThread *threads[4];
    char *paths[G_N_ELEMENTS(threads)];
    g_autofree char *first = NULL;

    serve_full();
    paths[0] = g_strdup_printf("%s/first.qcow2", dir);
    first = copy_one(paths[0]); /* what GLib makes once it makes under a lock that sanitizers do not see */
    ck_assert_ptr_nonnull(first);
    g_free(paths[0]);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        paths[i] = g_strdup_printf("%s/%u.qcow2", dir, i);
        threads[i] = g_thread_new("copy", copy_one, paths[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_autofree char *sum = g_thread_join(threads[i]);

        ck_assert_ptr_nonnull(sum);
        ck_assert(RUN("qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", source, paths[i]));
        ck_assert_str_eq(sum, first);
        g_free(paths[i]);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/pull-copy");
    TCase *cases = tcase_create("pull-copy");
    TCase *threads = tcase_create("threads");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, a_full_disk_is_copied_as_it_is, 0, G_N_ELEMENTS(formats));
    tcase_add_loop_test(cases, a_sparse_disk_stays_sparse, 0, G_N_ELEMENTS(formats));
    tcase_add_test(cases, an_empty_disk_is_copied);
    tcase_add_test(cases, a_size_that_is_no_sector_is_the_one_that_the_machine_sees);
    tcase_add_loop_test(cases, what_changed_goes_on_top_of_what_was, 0, G_N_ELEMENTS(granularities));
    tcase_add_test(cases, only_what_changed_is_read);
    tcase_add_test(cases, a_chain_is_read_as_one_disk);
    tcase_add_test(cases, whoever_is_told_of_progress_may_end_it);
    tcase_add_test(cases, a_copy_can_be_cancelled);
    tcase_add_test(cases, a_server_that_dies_is_lost);
    tcase_add_test(cases, what_is_not_there_cannot_be_copied);
    tcase_add_test(cases, an_export_of_another_name_is_not_taken_for_it);
    tcase_add_test(cases, a_file_that_is_there_is_left_alone);
    tcase_add_test(cases, a_silent_server_is_not_waited_for_without_end);
    tcase_add_test(cases, a_server_whose_queue_is_full_is_asked_again);
    suite_add_tcase(suite, cases);
    tcase_add_checked_fixture(threads, set_up, tear_down);
    tcase_set_timeout(threads, 120);
    tcase_add_test(threads, waiting_for_a_silent_server_can_be_cancelled);
    tcase_add_test(threads, many_are_copied_at_the_same_time);
    suite_add_tcase(suite, threads);
    return suite;
}

int
main(int argc, char **argv)
{
    if (argc > 1 && g_str_equal(argv[1], LULL_PULL_WATCHDOG_WORD))
        return lull_pull_watchdog_main(argc - 1, argv + 1);
    return lull_check_run(make_suite());
}
