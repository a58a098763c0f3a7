/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/run.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/pull/watchdog.h"
#include "tests/lib/check-main.h"

#define MIB ((guint64)1024 * 1024)

static const struct {
    guint64 need, allocated, room; /* MiB */
} rooms[] = {
    {10, 20000, 256}, {500, 20000, 500}, {20000, 20000, 1024}, {20, 20, 20}, {0, 0, 0},
};

START_TEST(room_for_what_the_guest_overwrites_is_as_much_as_is_copied_within_reason)
{
    ck_assert_uint_eq(lull_pull_room(rooms[_i].need * MIB, rooms[_i].allocated * MIB), rooms[_i].room * MIB);
}
END_TEST

static const struct {
    guint64 room, allocated, spare, reserve; /* MiB */
} reserves[] = {
    {1024, 20000, 4000, 512}, {256, 20000, 600, 300}, {256, 20000, 256, 128},
    {1024, 20000, 0, 256},    {20, 20, 9000, 20},     {0, 0, 9000, 0},
};

START_TEST(half_a_gibibyte_stays_free_where_there_is_so_much)
{
    ck_assert_uint_eq(
        lull_pull_reserve(reserves[_i].room * MIB, reserves[_i].allocated * MIB, reserves[_i].spare * MIB),
        reserves[_i].reserve * MIB);
}
END_TEST

START_TEST(it_is_looked_more_often_the_less_there_is)
{
    ck_assert_int_eq(lull_pull_pause(1024 * MIB, 512 * MIB), 100000);
    ck_assert_int_eq(lull_pull_pause(1023 * MIB, 512 * MIB), 20000);
    ck_assert_int_eq(lull_pull_pause(0, 0), 100000);
}
END_TEST

/* One disk that can be read, and one that cannot; one at a time, so that the first is whole by then. */
typedef struct {
    char *dir;
    LullHost *host;
    LullBackupStorage storage;
    GPid server;
} Store;

/* Its socket is there a moment before it listens. */
static gboolean
listens(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean connected;

    (void)g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    connected = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

static void
set_up(Store *self)
{
    g_autofree char *image = NULL;
    g_autofree char *socket = NULL;
    const char *argv[] = {"qemu-nbd", "-r",  "-t", "-e", "4",  "-x", "vda",
                          "-f",       "raw", "-k", NULL, NULL, NULL};

    self->dir = g_dir_make_tmp("lull-run-XXXXXX", NULL);
    self->host = lull_host_open("test:///default", NULL);
    self->storage =
        (LullBackupStorage){.host = self->host, .directory = self->dir, .volumes = lull_turns_new(1)};
    image = g_build_filename(self->dir, "image", NULL);
    socket = g_build_filename(self->dir, "socket", NULL);
    argv[10] = socket;
    argv[11] = image;
    ck_assert(g_file_set_contents(image, "", 0, NULL));
    ck_assert_int_eq(truncate(image, (off_t)MIB), 0);
    ck_assert(g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                            NULL, &self->server, NULL));
    while (!listens(socket))
        g_usleep(1000);
}

static void
tear_down(Store *self)
{
    kill(self->server, SIGKILL);
    ck_assert_int_eq(waitpid(self->server, NULL, 0), self->server);
    lull_folder_remove(self->dir, NULL);
    lull_turns_free(self->storage.volumes);
    lull_host_free(self->host);
    g_free(self->dir);
}

static void
tell(guint permille, gpointer user_data)
{
}

START_TEST(of_a_copy_that_fails_no_disk_is_kept)
{
    Store store = {NULL};
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) attempt = NULL;
    g_autofree char *text = NULL;
    g_autofree char *first = NULL;

    set_up(&store);
    first = g_build_filename(store.dir, "a.qcow2", NULL);
    text = g_strdup_printf("{\"vm\": \"dbf88f9f-5838-45bb-9799-33a82fdb7ad1\", \"socket\": \"%s/socket\", "
                           "\"volumes\": [{\"name\": \"a\", \"disk\": \"vda\", \"file\": \"a.qcow2\", "
                           "\"capacity\": 1048576}, {\"name\": \"b\", \"disk\": \"%s\", \"file\": "
                           "\"b.qcow2\", \"capacity\": 1048576}]}",
                           store.dir, _i ? "vdb" : "vda");
    attempt = lull_json_parse(text, -1, NULL);
    ck_assert(lull_copy_kind_pull.run(&store.storage, store.dir, attempt, tell, NULL, cancel, &error) == !_i);
    ck_assert(g_file_test(first, G_FILE_TEST_EXISTS) == !_i);
    tear_down(&store);
}
END_TEST

/* Nobody listens, and whether the machine's job runs cannot be told: such a libvirt has none. */
START_TEST(why_a_copy_failed_is_the_guards_word_and_no_guess)
{
    static const char *const says[] = {NULL, "there is none left"};
    static const char attempt_of[] = "{\"vm\": \"6695eb01-f6a4-8304-79aa-97f2502e193f\", \"socket\": "
                                     "\"%s/nobody\", \"volumes\": [{\"name\": \"a\", \"disk\": \"vda\", "
                                     "\"file\": \"a.qcow2\", \"capacity\": 1048576}]}";
    Store store = {NULL};
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) attempt = NULL;
    g_autofree char *text = NULL;

    set_up(&store);
    text = g_strdup_printf(attempt_of, store.dir);
    attempt = lull_json_parse(text, -1, NULL);
    if (says[_i])
        ck_assert(lull_folder_write(store.dir, "ended.txt", says[_i], NULL));
    ck_assert(!lull_copy_kind_pull.run(&store.storage, store.dir, attempt, tell, NULL, cancel, &error));
    ck_assert_msg(
        g_str_has_prefix(error->message, says[_i] ? says[_i] : "disk vda: NBD server: connecting to "), "%s",
        error->message);
    tear_down(&store);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/pull-run");
    TCase *cases = tcase_create("pull-run");

    tcase_add_loop_test(cases, room_for_what_the_guest_overwrites_is_as_much_as_is_copied_within_reason, 0,
                        G_N_ELEMENTS(rooms));
    tcase_add_loop_test(cases, half_a_gibibyte_stays_free_where_there_is_so_much, 0, G_N_ELEMENTS(reserves));
    tcase_add_test(cases, it_is_looked_more_often_the_less_there_is);
    tcase_add_loop_test(cases, of_a_copy_that_fails_no_disk_is_kept, 0, 2);
    tcase_add_loop_test(cases, why_a_copy_failed_is_the_guards_word_and_no_guess, 0, 2);
    suite_add_tcase(suite, cases);
    return suite;
}

int
main(int argc, char **argv)
{
    if (argc > 1 && g_str_equal(argv[1], LULL_PULL_WATCHDOG_WORD))
        return lull_pull_watchdog_main(argc - 1, argv + 1);
    return lull_check_run(make_suite());
}
