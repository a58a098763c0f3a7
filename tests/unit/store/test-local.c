/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/local/local.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* The file of the local store: who may open it, what survives, what is refused. */

#define KILLS            8
#define WRITES_PER_ROUND 6
#define LARGE            (64 * 1024)

static char *dir, *path;

static void
setup(void)
{
    dir = g_dir_make_tmp("lull-local-XXXXXX", NULL);
    ck_assert_ptr_nonnull(dir);
    path = g_build_filename(dir, "store.db", NULL);
}

static void
teardown(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock"};

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *file = g_strconcat(path, ends[i], NULL);
        (void)g_remove(file);
    }
    ck_assert_int_eq(g_rmdir(dir), 0);
    g_clear_pointer(&path, g_free);
    g_clear_pointer(&dir, g_free);
}

static LullStore *
must_open(void)
{
    g_autoptr(GError) error = NULL;
    LullStore *store = lull_store_local_open(path, &error);

    ck_assert_no_error(error);
    return store;
}

static void
refused(LullError code, const char *says)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_store_local_open(path, &error));
    ck_assert_error(error, code);
    ck_assert_msg(strstr(error->message, says) && strstr(error->message, path), "%s", error->message);
}

static void
create(LullStore *store, const char *name, const char *more)
{
    g_autoptr(LullJson) object = snapshot_json(name, more);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) created = lull_store_create(store, &lull_kind_snapshot, object, &error);

    ck_assert_no_error(error);
}

/* Runs SQL on the file as another program would. */
static void
execute(const char *sql)
{
    sqlite3 *handle = NULL;

    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(handle), SQLITE_OK);
}

START_TEST(a_second_store_on_the_file_is_refused)
{
    g_autoptr(LullStore) store = must_open();

    refused(LULL_ERROR_BUSY, "another coordinator uses it");
    create(store, "still-there", "");
}
END_TEST

START_TEST(a_closed_store_can_be_opened_again)
{
    lull_store_free(must_open());
    lull_store_free(must_open());
}
END_TEST

START_TEST(a_newer_file_is_refused_and_not_touched)
{
    g_autofree char *before = NULL, *after = NULL;
    gsize size_before, size_after;
    lull_store_free(must_open());
    execute("PRAGMA user_version=99");
    ck_assert(g_file_get_contents(path, &before, &size_before, NULL));

    refused(LULL_ERROR_UNSUPPORTED, "schema 99");
    ck_assert(g_file_get_contents(path, &after, &size_after, NULL));
    ck_assert_uint_eq(size_before, size_after);
    ck_assert_int_eq(memcmp(before, after, size_before), 0);
}
END_TEST

/* A file as the first schema had it. */
#define SCHEMA_1                                                                                         \
    "CREATE TABLE objects(kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL," \
    " PRIMARY KEY(kind, ns, name));"                                                                     \
    "CREATE TABLE events(version INTEGER PRIMARY KEY, kind TEXT NOT NULL, ns TEXT NOT NULL,"             \
    " type INTEGER NOT NULL, size INTEGER NOT NULL, body TEXT NOT NULL);"                                \
    "PRAGMA application_id=1280658508; PRAGMA user_version=1;"
#define OLD_OBJECT                                                                                          \
    "'{\"apiVersion\":\"snapshot.kubevirt.io/v1beta1\",\"kind\":\"VirtualMachineSnapshot\",\"metadata\":{"  \
    "\"name\":\"old\",\"namespace\":\"default\",\"uid\":\"u\",\"resourceVersion\":\"7\",\"generation\":1}," \
    "\"spec\":{\"source\":{\"apiGroup\":\"kubevirt.io\",\"kind\":\"VirtualMachine\",\"name\":\"larry\"}}}'"
#define OLD_ROWS                                                                                 \
    "INSERT INTO objects VALUES('virtualmachinesnapshots', 'default', 'old', " OLD_OBJECT ");"   \
    "INSERT INTO events VALUES(6, 'virtualmachinesnapshots', 'default', 0, 10, " OLD_OBJECT ");" \
    "INSERT INTO events VALUES(7, 'virtualmachinesnapshots', 'default', 1, 10, " OLD_OBJECT ");"

static gint64
read_number(const char *sql)
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    gint64 number;

    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    ck_assert_int_eq(sqlite3_close(handle), SQLITE_OK);
    return number;
}

static void
note_name(LullWatchType type, LullJson *object, gpointer user_data)
{
    g_string_append_printf((GString *)user_data, "%d %s\n", type, lull_meta_name(object));
}

/* What older events do not tell is not guessed: watches that began before have to list again. */
START_TEST(an_older_file_is_brought_up_to_date)
{
    execute(SCHEMA_1 OLD_ROWS);
    g_autoptr(LullStore) store = must_open();
    g_autoptr(GString) seen = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    const LullWatchOptions selected = {.since = "7", .label_selector = "a=1"};
    g_autoptr(LullJson) old = lull_store_get(store, &lull_kind_snapshot, "default", "old", &error);

    ck_assert_no_error(error);
    ck_assert_str_eq(lull_meta_version(old), "7");
    ck_assert_ptr_null(
        lull_store_watch(store, &lull_kind_snapshot, NULL, "6", NULL, note_name, seen, &error));
    ck_assert_error(error, LULL_ERROR_EXPIRED);
    LullWatch *watch =
        lull_store_watch_selected(store, &lull_kind_snapshot, NULL, &selected, NULL, note_name, seen, NULL);
    ck_assert_ptr_nonnull(watch);
    create(store, "new", ",'labels':{'a':'1'}");
    while (g_main_context_iteration(NULL, FALSE))
        ;
    ck_assert_str_eq(seen->str, "0 new\n");
    lull_watch_stop(watch);
    g_autoptr(LullJson) made = lull_store_get(store, &lull_kind_snapshot, "default", "new", NULL);
    ck_assert_int_gt(g_ascii_strtoll(lull_meta_version(made), NULL, 10), 7);
    g_clear_pointer(&store, lull_store_free);
    ck_assert_int_eq(read_number("PRAGMA user_version"), 2);
    store = must_open();
}
END_TEST

START_TEST(an_older_file_in_which_nothing_happened_is_brought_up_to_date)
{
    execute(SCHEMA_1);
    g_autoptr(LullStore) store = must_open();

    create(store, "first", "");
}
END_TEST

START_TEST(a_file_that_cannot_be_brought_up_to_date_is_refused_and_stays_as_it_was)
{
    execute(SCHEMA_1 OLD_ROWS "DROP TABLE events;");
    refused(LULL_ERROR_FAILED, "cannot bring it from schema 1 to 2");
    ck_assert_int_eq(read_number("PRAGMA user_version"), 1);
    ck_assert_int_eq(read_number("SELECT count(*) FROM objects"), 1);
}
END_TEST

START_TEST(another_programs_database_is_refused)
{
    execute("CREATE TABLE mine(x)");
    refused(LULL_ERROR_UNSUPPORTED, "another program");
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
    g_autofree char *text = g_strnfill(8192, 'x');

    ck_assert(g_file_set_contents(path, text, -1, NULL));
    refused(LULL_ERROR_FAILED, "corrupt");
}
END_TEST

/* Garbage in the midst of an object, where opening the store would not look by itself. */
START_TEST(a_damaged_file_is_refused)
{
    g_autofree char *fill = g_strnfill(LARGE, 'x');
    g_autofree char *more = g_strdup_printf(",'annotations':{'a':'%s'}", fill);
    LullStore *store = must_open();
    for (int i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("snap-%d", i);
        create(store, name, more);
    }
    lull_store_free(store);

    g_autofree char *data = NULL;
    gsize size;
    ck_assert(g_file_get_contents(path, &data, &size, NULL));
    ck_assert_uint_gt(size, 4 * 4096);
    memset(data + size / 2 / 4096 * 4096, 0x5a, 4096);
    ck_assert(g_file_set_contents(path, data, (gssize)size, NULL));
    refused(LULL_ERROR_FAILED, "corrupt");
}
END_TEST

START_TEST(a_path_that_cannot_be_is_refused)
{
    g_free(path);
    path = g_build_filename(dir, "missing", "store.db", NULL);
    refused(LULL_ERROR_FAILED, "No such file");
}
END_TEST

START_TEST(the_files_are_for_their_owner_alone)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    g_autoptr(LullStore) store = must_open();
    create(store, "snap", "");

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *file = g_strconcat(path, ends[i], NULL);
        GStatBuf info;
        ck_assert_int_eq(g_stat(file, &info), 0);
        ck_assert_uint_eq(info.st_mode & 0777, 0600);
    }
}
END_TEST

START_TEST(views_are_not_written)
{
    g_autoptr(LullStore) store = must_open();
    g_autoptr(LullJson) vm =
        json("{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','metadata':{'name':'a'}}");
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_store_create(store, &lull_kind_vm, vm, &error));
    ck_assert_error(error, LULL_ERROR_DENIED);
    g_clear_error(&error);
    ck_assert_ptr_null(lull_store_patch(store, &lull_kind_vm, "default", "a", LULL_PATCH_OBJECT, vm, &error));
    ck_assert_error(error, LULL_ERROR_DENIED);
    g_clear_error(&error);
    ck_assert(!lull_store_remove(store, &lull_kind_vm, "default", "a", NULL, &error));
    ck_assert_error(error, LULL_ERROR_DENIED);
}
END_TEST

/* A kind whose spec may change, kept beside the API's own. */
START_TEST(generation_counts_changes_of_the_spec)
{
    static const LullKind kind = {.group = "a.org", .version = "v1", .kind = "Free", .plural = "frees"};
    g_autoptr(LullStore) store = must_open();
    g_autoptr(LullJson) object =
        json("{'apiVersion':'a.org/v1','kind':'Free','metadata':{'name':'a'},'spec':{'x':1}}");
    g_autoptr(LullJson) created = lull_store_create(store, &kind, object, NULL);
    g_autoptr(LullJson) labels = json("{'metadata':{'labels':{'a':'b'}}}");
    g_autoptr(LullJson) spec = json("{'spec':{'x':2}}");
    g_autoptr(LullJson) labelled =
        lull_store_patch(store, &kind, "default", "a", LULL_PATCH_OBJECT, labels, NULL);
    g_autoptr(LullJson) changed =
        lull_store_patch(store, &kind, "default", "a", LULL_PATCH_OBJECT, spec, NULL);

    ck_assert_int_eq(lull_json_int(lull_json_object(labelled, "metadata"), "generation", 0), 1);
    ck_assert_int_eq(lull_json_int(lull_json_object(changed, "metadata"), "generation", 0), 2);
}
END_TEST

static void
ignore_event(LullWatchType type, LullJson *object, gpointer user_data)
{
}

START_TEST(the_log_of_events_is_bounded_by_its_size_too)
{
    const LullLocalLimits limits = {.log_bytes = 4 * LARGE};
    g_autofree char *fill = g_strnfill(LARGE, 'x');
    g_autofree char *more = g_strdup_printf(",'annotations':{'a':'%s'}", fill);
    g_autoptr(LullStore) store = lull_store_local_open_with(path, &limits, NULL);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 12; i++) {
        g_autofree char *name = g_strdup_printf("snap-%d", i);
        create(store, name, more);
    }
    ck_assert_ptr_null(
        lull_store_watch(store, &lull_kind_snapshot, NULL, "1", NULL, ignore_event, NULL, &error));
    ck_assert_error(error, LULL_ERROR_EXPIRED);
    g_autoptr(LullJson) list = lull_store_list(store, &lull_kind_snapshot, NULL, NULL, NULL);
    LullWatch *watch = lull_store_watch(store, &lull_kind_snapshot, NULL, lull_meta_version(list), NULL,
                                        ignore_event, NULL, NULL);
    ck_assert_ptr_nonnull(watch);
    lull_watch_stop(watch);
}
END_TEST

START_TEST(a_version_that_is_yet_to_come_is_expired)
{
    g_autoptr(LullStore) store = must_open();
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(
        lull_store_watch(store, &lull_kind_snapshot, NULL, "1000", NULL, ignore_event, NULL, &error));
    ck_assert_error(error, LULL_ERROR_EXPIRED);
}
END_TEST

/* Another program in the middle of a write: an error after a while, then all is well. */
START_TEST(a_file_locked_by_another_program_is_an_error_that_passes)
{
    g_autoptr(LullStore) store = must_open();
    g_autoptr(LullJson) object = snapshot_json("snap", "");
    g_autoptr(GError) error = NULL;
    sqlite3 *other = NULL;
    ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);

    ck_assert_ptr_null(lull_store_create(store, &lull_kind_snapshot, object, &error));
    ck_assert_error(error, LULL_ERROR_TIMED_OUT);
    ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
    create(store, "snap", "");
}
END_TEST

static void
count_event(LullWatchType type, LullJson *object, gpointer user_data)
{
    ++*(int *)user_data;
}

/* No file may grow beyond this, as on a full disk. */
static void
limit_files(rlim_t size)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(a_write_that_fails_leaves_nothing_behind)
{
    g_autofree char *fill = g_strnfill(LARGE, 'x');
    g_autofree char *more = g_strdup_printf(",'annotations':{'a':'%s'}", fill);
    g_autofree char *wal = g_strconcat(path, "-wal", NULL);
    g_autoptr(LullJson) object = snapshot_json("large", more);
    g_autoptr(GError) error = NULL;
    LullStore *store = must_open();
    GStatBuf info;
    int events = 0;
    create(store, "before", "");
    LullWatch *watch =
        lull_store_watch(store, &lull_kind_snapshot, NULL, NULL, NULL, count_event, &events, NULL);
    ck_assert_int_eq(g_stat(wal, &info), 0);

    ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    limit_files((rlim_t)info.st_size + 4096);
    ck_assert_ptr_null(lull_store_create(store, &lull_kind_snapshot, object, &error));
    ck_assert_error(error, LULL_ERROR_FAILED);
    limit_files(RLIM_INFINITY);
    create(store, "after", "");
    while (g_main_context_iteration(NULL, FALSE))
        ;
    ck_assert_int_eq(events, 2);
    lull_watch_stop(watch);

    lull_store_free(store);
    store = must_open();
    g_autoptr(LullJson) list = lull_store_list(store, &lull_kind_snapshot, NULL, NULL, NULL);
    LullJson *items = lull_json_array(list, "items");
    ck_assert_uint_eq(json_object_array_length(items), 2);
    ck_assert_str_eq(lull_meta_name(json_object_array_get_idx(items, 0)), "after");
    ck_assert_str_eq(lull_meta_version(list), lull_meta_version(json_object_array_get_idx(items, 0)));
    lull_store_free(store);
}
END_TEST

/* Creates objects from @first on, writing each number down the pipe once its create has returned. */
static void
write_until_killed(int fd, int first)
{
    LullStore *store = lull_store_local_open(path, NULL);

    for (int i = first; store; i++) {
        g_autofree char *name = g_strdup_printf("snap-%d", i);
        g_autoptr(LullJson) object = snapshot_json(name, "");
        g_autoptr(LullJson) created = lull_store_create(store, &lull_kind_snapshot, object, NULL);
        if (!created || write(fd, &i, sizeof i) != sizeof i)
            break;
    }
    _exit(1);
}

static int
kill_a_writer(int first, int acknowledged)
{
    int fds[2], number, last = -1;
    ck_assert_int_eq(pipe(fds), 0);
    const pid_t child = fork();

    if (child == 0)
        write_until_killed(fds[1], first);
    ck_assert_int_gt(child, 0);
    (void)close(fds[1]);
    for (int i = 0; i < acknowledged; i++)
        ck_assert_int_eq(read(fds[0], &last, sizeof last), sizeof last);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    while (read(fds[0], &number, sizeof number) == sizeof number)
        last = number;
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    (void)close(fds[0]);
    return last;
}

START_TEST(what_was_answered_survives_a_kill_at_any_moment)
{
    int count = 0;

    for (int round = 0; round < KILLS; round++) {
        const int last = kill_a_writer(count, 1 + round % WRITES_PER_ROUND);
        g_autoptr(LullStore) store = must_open();
        for (int i = count; i <= last; i++) {
            g_autofree char *name = g_strdup_printf("snap-%d", i);
            g_autoptr(LullJson) object = lull_store_get(store, &lull_kind_snapshot, "default", name, NULL);
            ck_assert_msg(object != NULL, "%s was acknowledged and is lost", name);
        }
        g_autoptr(LullJson) list = lull_store_list(store, &lull_kind_snapshot, NULL, NULL, NULL);
        count = (int)json_object_array_length(lull_json_array(list, "items"));
        ck_assert_int_ge(count, last + 1);
        ck_assert_int_le(count, last + 2); /* one more may have been written but not said */
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("local");
    TCase *tcase = tcase_create("local");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_second_store_on_the_file_is_refused);
    tcase_add_test(tcase, a_closed_store_can_be_opened_again);
    tcase_add_test(tcase, a_newer_file_is_refused_and_not_touched);
    tcase_add_test(tcase, an_older_file_is_brought_up_to_date);
    tcase_add_test(tcase, an_older_file_in_which_nothing_happened_is_brought_up_to_date);
    tcase_add_test(tcase, a_file_that_cannot_be_brought_up_to_date_is_refused_and_stays_as_it_was);
    tcase_add_test(tcase, another_programs_database_is_refused);
    tcase_add_test(tcase, a_file_that_is_no_database_is_refused);
    tcase_add_test(tcase, a_damaged_file_is_refused);
    tcase_add_test(tcase, a_path_that_cannot_be_is_refused);
    tcase_add_test(tcase, the_files_are_for_their_owner_alone);
    tcase_add_test(tcase, views_are_not_written);
    tcase_add_test(tcase, generation_counts_changes_of_the_spec);
    tcase_add_test(tcase, the_log_of_events_is_bounded_by_its_size_too);
    tcase_add_test(tcase, a_version_that_is_yet_to_come_is_expired);
    tcase_add_test(tcase, a_file_locked_by_another_program_is_an_error_that_passes);
    tcase_add_test(tcase, a_write_that_fails_leaves_nothing_behind);
    tcase_add_test(tcase, what_was_answered_survives_a_kill_at_any_moment);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
