/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <unistd.h>

#include "coordinator/guest/reach.h"
#include "coordinator/storage/backup-job.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/pull/run.h"
#include "protocol/clock.h"

#define ENDED "ended.txt" /* in the attempt's folder */

#define LOOK_USEC  LULL_SEC(1)   /* between looks at the job */
#define BEGIN_USEC LULL_SEC(120) /* until the cut; a freeze that takes as long is given up */
#define RETRY_USEC LULL_MSEC(100)

static int
open_directory(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int
lull_pull_guard_be_there(const char *directory)
{
    struct flock shared = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    const int fd = open_directory(directory);

    if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &shared) == 0)
        return fd;
    g_warning(
        "store %s: it cannot be said that a coordinator is there: %s: a copy that takes longer than the "
        "lease of its guard may be ended by it",
        directory, g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

gboolean
lull_pull_guard_sees_one(int directory)
{
    struct flock asked = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(directory, F_OFD_GETLK, &asked) < 0 || asked.l_type != F_UNLCK;
}

gboolean
lull_pull_guard_start(const char *uri, const char *domain_uid, const char *folder, gint64 lease,
                      GError **error)
{
    g_autofree char *ms = g_strdup_printf("%" G_GINT64_FORMAT, lease / 1000);
    const char *const argv[] = {"/proc/self/exe",
                                LULL_PULL_GUARD_WORD,
                                "--uri",
                                uri,
                                "--domain",
                                domain_uid,
                                "--folder",
                                folder,
                                "--lease",
                                ms,
                                NULL};
    g_autoptr(GSubprocess) process = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE, error);

    return process != NULL;
}

/* One that is there goes first: it knows what to say of it. */
const char *
lull_pull_guard_decide(const LullPullGuardView *view)
{
    if (view->free < (view->away_since ? view->reserve : view->reserve / 2))
        return "what the guest writes while it is copied needs room, and there is none left: delete "
               "snapshots "
               "or make room";
    if (view->away_since && view->now - view->away_since >= view->lease)
        return "no coordinator was there to copy the disks: take a new snapshot";
    return NULL;
}

char *
lull_pull_guard_why(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, ENDED, NULL);
    char *why = NULL;

    (void)g_file_get_contents(path, &why, NULL, NULL);
    return why;
}

/* The other side. It has one thread and one job. */

typedef struct {
    char *folder;
    int directory;
    LullReach reach;
    LullJson *attempt;
    LullPullGuardView view;
} Guard;

/* 1: it runs; 0: it does not, as where the machine is gone for good; -1: not known. */
static int
look_at_job(Guard *self)
{
    gboolean runs = FALSE;

    if (!lull_reach_open(&self->reach))
        return lull_reach_is_gone(&self->reach) ? 0 : -1;
    return lull_backup_find(self->reach.domain, self->folder, &runs, NULL) ? runs : -1;
}

static void
look_around(Guard *self)
{
    self->view.now = lull_clock_boottime();
    if (lull_pull_guard_sees_one(self->directory))
        self->view.away_since = 0;
    else if (!self->view.away_since)
        self->view.away_since = self->view.now;
    if (!lull_folder_free_space(self->folder, &self->view.free, NULL))
        self->view.free = G_MAXUINT64;
}

/* Whoever comes later is told why. */
static void
end_job(Guard *self, const char *why)
{
    g_printerr("%s: %s: its backup job is ended\n", self->folder, why);
    (void)lull_folder_write(self->folder, ENDED, why, NULL);
    while (!lull_reach_open(&self->reach) || !lull_backup_abort(self->reach.domain, self->folder, NULL)) {
        if (look_at_job(self) == 0)
            break;
        g_usleep(RETRY_USEC);
    }
    lull_pull_clear_scratch(self->folder, self->attempt);
}

static void
keep_watch(Guard *self)
{
    const gint64 begun = lull_clock_boottime();
    gint64 looked = 0;
    gboolean seen = FALSE;

    while (g_file_test(self->folder, G_FILE_TEST_IS_DIR)) {
        const char *why = NULL;

        look_around(self);
        if (self->view.now - looked >= LOOK_USEC) {
            const int runs = look_at_job(self);

            if (runs == 0 && (seen || self->view.now - begun >= BEGIN_USEC))
                return;
            seen |= runs == 1;
            looked = self->view.now;
        }
        why = seen ? lull_pull_guard_decide(&self->view) : NULL;
        if (why) {
            end_job(self, why);
            return;
        }
        g_usleep((gulong)lull_pull_pause(self->view.free, self->view.reserve));
    }
}

static int
run(Guard *self, GError **error)
{
    g_autofree char *store = g_path_get_dirname(self->folder);

    lull_reach_stand_alone();
    self->attempt = lull_folder_read_json(self->folder, LULL_FOLDER_ATTEMPT, error);
    if (!self->attempt)
        return 1;
    self->directory = open_directory(store);
    if (self->directory < 0) {
        lull_folder_errno(error, errno, "store", store);
        return 1;
    }
    self->view.reserve = (guint64)lull_json_int(self->attempt, LULL_PULL_RESERVE, 0);
    keep_watch(self);
    lull_reach_close(&self->reach);
    lull_json_put(self->attempt);
    close(self->directory);
    return 0;
}

int
lull_pull_guard_main(int argc, char **argv)
{
    Guard self = {NULL};
    g_autofree char *uri = NULL;
    g_autofree char *uid = NULL;
    gint64 lease = 0;
    const GOptionEntry entries[] = {
        {"uri", 0, 0, G_OPTION_ARG_STRING, &uri, "libvirt's URI", "URI"},
        {"domain", 0, 0, G_OPTION_ARG_STRING, &uid, "the domain's UUID", "UUID"},
        {"folder", 0, 0, G_OPTION_ARG_FILENAME, &self.folder, "the attempt's folder", "FOLDER"},
        {"lease", 0, 0, G_OPTION_ARG_INT64, &lease, "ms without a coordinator", "MS"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    int status = 2;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || !uri || !uid || !self.folder ||
        lease <= 0) {
        g_printerr("pull-guard: %s\n",
                   error ? error->message : "--uri, --domain, --folder and --lease are needed");
    } else {
        self.reach.uri = uri;
        self.reach.uid = uid;
        self.view.lease = LULL_MSEC(lease);
        status = run(&self, &error);
        if (error)
            g_printerr("pull-guard: %s\n", error->message);
    }
    g_free(self.folder);
    return status;
}
