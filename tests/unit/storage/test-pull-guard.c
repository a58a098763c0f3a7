/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/guard.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/guest/reach.h"
#include "coordinator/storage/folder.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define MIB   ((guint64)1024 * 1024)
#define LEASE LULL_SEC(600)
#define LOOKS 20000

#define DOMAIN "6695eb01-f6a4-8304-79aa-97f2502e193f"

static const struct {
    gint64 away;           /* seconds; 0: one is there */
    guint64 free, reserve; /* MiB */
    const char *why;
} views[] = {
    {0, 300, 512, NULL},
    {0, 255, 512, "room"},
    {1, 511, 512, "room"},
    {599, 512, 512, NULL},
    {600, 512, 512, "take a new snapshot"},
    {600, 100, 512, "room"},
    {0, 0, 0, NULL},
};

START_TEST(a_job_ends_when_room_or_coordinator_is_gone)
{
    const gint64 now = LULL_SEC(1000);
    const LullPullGuardView view = {
        .now = now,
        .away_since = views[_i].away ? now - LULL_SEC(views[_i].away) : 0,
        .lease = LEASE,
        .free = views[_i].free * MIB,
        .reserve = views[_i].reserve * MIB,
    };
    const char *why = lull_pull_guard_decide(&view);

    ck_assert(why ? views[_i].why && strstr(why, views[_i].why) : !views[_i].why);
}
END_TEST

START_TEST(that_one_is_there_is_seen_until_it_is_gone)
{
    g_autofree char *directory = g_dir_make_tmp("lull-guard-XXXXXX", NULL);
    const int there = lull_pull_guard_be_there(directory);
    const int other = lull_pull_guard_be_there(directory);
    const int looks = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    ck_assert_int_ge(there, 0);
    ck_assert_int_ge(other, 0);
    close(other);
    ck_assert(lull_pull_guard_sees_one(looks));
    close(there);
    ck_assert(!lull_pull_guard_sees_one(looks));
    close(looks);
    g_rmdir(directory);
}
END_TEST

static void
count_warning(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
    guint *warnings = data;

    if (level & G_LOG_LEVEL_WARNING && strstr(message, "lease"))
        (*warnings)++;
}

START_TEST(where_it_cannot_be_said_that_one_is_there_the_log_tells_what_that_means)
{
    g_autofree char *directory = g_dir_make_tmp("lull-guard-XXXXXX", NULL);
    GLogFunc before;
    guint warnings = 0;

    g_rmdir(directory);
    before = g_log_set_default_handler(count_warning, &warnings);
    ck_assert_int_eq(lull_pull_guard_be_there(directory), -1);
    g_log_set_default_handler(before, NULL);
    ck_assert_uint_eq(warnings, 1);
}
END_TEST

typedef struct {
    const char *directory;
    guint seen; /* how often one was there */
} Asker;

static gpointer
ask(gpointer data)
{
    Asker *asker = data;
    const int looks = open(asker->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (guint i = 0; i < LOOKS; i++)
        asker->seen += lull_pull_guard_sees_one(looks) ? 1 : 0;
    close(looks);
    return NULL;
}

START_TEST(guards_do_not_take_each_other_for_a_coordinator)
{
    g_autofree char *directory = g_dir_make_tmp("lull-guard-XXXXXX", NULL);
    Asker askers[] = {{directory, 0}, {directory, 0}, {directory, 0}};
    GThread *threads[G_N_ELEMENTS(askers)];

    for (guint i = 0; i < G_N_ELEMENTS(askers); i++)
        threads[i] = g_thread_new("ask", ask, &askers[i]);
    for (guint i = 0; i < G_N_ELEMENTS(askers); i++)
        g_thread_join(threads[i]);
    for (guint i = 0; i < G_N_ELEMENTS(askers); i++)
        ck_assert_uint_eq(askers[i].seen, 0);
    g_rmdir(directory);
}
END_TEST

/* The definition of a host that libvirt cannot work with: it is read anew at each look at the job. That it is
 * closed is watched as well, as events that are alike become one. */
static int
watch_looks(const char *host)
{
    const int looks = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    ck_assert(g_file_set_contents(host, "none", -1, NULL));
    ck_assert_int_ge(inotify_add_watch(looks, host, IN_OPEN | IN_CLOSE_NOWRITE), 0);
    return looks;
}

/* How often it was opened until now. */
static guint
count_opens(int looks)
{
    struct inotify_event event; /* of the file itself, so without a name */
    guint n = 0;

    while (read(looks, &event, sizeof event) == sizeof event)
        n += event.mask & IN_OPEN ? 1 : 0;
    return n;
}

/* A look may open it more than once. */
static guint
opens_of_a_look(int looks, const char *uri)
{
    LullReach reach = {.uri = uri, .uid = DOMAIN};
    const pid_t looker = fork();
    int status = -1;

    if (looker == 0) {
        lull_reach_stand_alone();
        _exit(lull_reach_open(&reach) ? 1 : 0);
    }
    ck_assert_int_eq(waitpid(looker, &status, 0), looker);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return count_opens(looks);
}

static void
await_opens(int looks, guint n)
{
    struct pollfd poll_fd = {.fd = looks, .events = POLLIN};

    for (guint seen = 0; seen < n; seen += count_opens(looks))
        ck_assert_int_eq(poll(&poll_fd, 1, 60 * 1000), 1);
}

/* As its attempt does when it is given up before the cut. */
START_TEST(a_guard_goes_when_the_folder_is_gone)
{
    g_autofree char *directory = g_dir_make_tmp("lull-guard-XXXXXX", NULL);
    g_autofree char *folder = g_build_filename(directory, "attempt", NULL);
    g_autofree char *host = g_build_filename(directory, "host.xml", NULL);
    g_autofree char *uri = g_strconcat("test://", host, NULL);
    const int looks = watch_looks(host);
    const guint opens = opens_of_a_look(looks, uri);
    char *argv[] = {(char *)"pull-guard",
                    (char *)"--uri",
                    uri,
                    (char *)"--domain",
                    (char *)DOMAIN,
                    (char *)"--folder",
                    folder,
                    (char *)"--lease",
                    (char *)"1000",
                    NULL};
    int status = -1;
    pid_t guard;

    ck_assert_uint_gt(opens, 0);
    ck_assert(lull_folder_make(folder, NULL));
    ck_assert(lull_folder_write(folder, LULL_FOLDER_ATTEMPT, "{\"volumes\": []}", NULL));
    guard = fork();
    if (guard == 0)
        _exit(lull_pull_guard_main(G_N_ELEMENTS(argv) - 1, argv));
    await_opens(looks, opens + 1); /* it found nothing by the first look, and stayed */
    ck_assert_int_eq(waitpid(guard, &status, WNOHANG), 0);
    ck_assert(lull_folder_remove(folder, NULL));
    ck_assert_int_eq(waitpid(guard, &status, 0), guard);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(looks);
    lull_folder_remove(directory, NULL);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/pull-guard");
    TCase *cases = tcase_create("pull-guard");

    tcase_set_timeout(cases, 60); /* a guard takes two looks, a second apart */
    tcase_add_loop_test(cases, a_job_ends_when_room_or_coordinator_is_gone, 0, G_N_ELEMENTS(views));
    tcase_add_test(cases, that_one_is_there_is_seen_until_it_is_gone);
    tcase_add_test(cases, where_it_cannot_be_said_that_one_is_there_the_log_tells_what_that_means);
    tcase_add_test(cases, guards_do_not_take_each_other_for_a_coordinator);
    tcase_add_test(cases, a_guard_goes_when_the_folder_is_gone);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
