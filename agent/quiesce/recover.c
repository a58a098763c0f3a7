/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/filesystems/survey.h"
#include "agent/freezer/expedite.h"
#include "agent/freezer/hold.h"
#include "agent/freezer/reach.h"
#include "agent/quiesce/record.h"
#include "protocol/clock.h"
#include "protocol/json.h"

#define FREEZER_WAIT  LULL_MSEC(80) /* a living freezer sees our predecessor's death at once */
#define FREEZER_PAUSE LULL_MSEC(2)
#define RETRY         LULL_MSEC(100)
#define REACH         LULL_MSEC(300) /* for mounts whose way may not answer */
#define WAYS_MAX      8              /* to one mount */

typedef struct {
    char *path;
    dev_t device;
    int fd;         /* -1: not opened */
    int error;      /* errno of the last FITHAW; 0 */
    gboolean ended; /* nothing of ours is frozen there any more, or nothing can be done about it */
    gboolean thawed;
    gboolean lost;  /* no way to it */
    GPtrArray *far; /* names whose way may not answer; emptied when they have been set out for */
    GArray *ways;   /* of LullWay: children that have not come back */
} Mount;

struct _LullRecovery {
    char *folder;
    char *op;
    gboolean standard;
    gboolean finished;
    GArray *mounts; /* of Mount; NULL: nothing to recover */
    int marker;     /* -1: there is none */
    gboolean owns_marker;
    atomic_int refs;  /* owner and thread; whoever of them works on the rest: the thread, once there is one */
    atomic_bool done; /* written last by who works on it: mounts and marker are the owner's then */
};

/* ------- what was left behind */

static LullJson *
read_record(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, LULL_RECORD_NAME, NULL);
    g_autofree char *boot_id = lull_clock_boot_id();
    g_autofree char *text = NULL;
    g_autoptr(LullJson) record = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    record = lull_json_parse(text, -1, NULL);
    /* after a reboot nothing is frozen any more, and device numbers mean other devices */
    if (!record || g_strcmp0(lull_json_string(record, "boot-id", NULL), boot_id) != 0)
        return NULL;
    return g_steal_pointer(&record);
}

static void
clear_mount(gpointer data)
{
    Mount *mount = data;

    g_free(mount->path);
    if (mount->fd >= 0)
        (void)close(mount->fd);
    g_ptr_array_unref(mount->far);
    g_array_unref(mount->ways);
}

static void
clear_way(gpointer data)
{
    lull_way_end(data);
}

static void
read_mounts(LullRecovery *self, LullJson *array)
{
    const size_t n = array ? json_object_array_length(array) : 0;

    self->mounts = g_array_new(FALSE, TRUE, sizeof(Mount));
    g_array_set_clear_func(self->mounts, clear_mount);
    for (size_t i = 0; i < n; i++) {
        LullJson *entry = json_object_array_get_idx(array, i);
        const Mount mount = {
            .path = g_strcompress(lull_json_string(entry, "mountpoint", "")),
            .device = (dev_t)lull_json_int(entry, "device", 0),
            .fd = -1,
            .far = g_ptr_array_new_with_free_func(g_free),
            .ways = g_array_new(FALSE, FALSE, sizeof(LullWay)),
        };

        g_array_set_clear_func(mount.ways, clear_way);
        g_array_append_val(self->mounts, mount);
    }
}

static Mount *
mount_at(LullRecovery *self, guint index)
{
    return &g_array_index(self->mounts, Mount, index);
}

/* ------- the way to a mount */

static int
open_device(const char *path, void *context)
{
    const dev_t *device = context;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_dev != *device)) {
        (void)close(fd);
        errno = ESTALE;
        return -1;
    }
    return fd;
}

/* Opens the mount by the name @path, or notes that for set_out(). */
static void
try_name(Mount *self, const LullSurvey *survey, const char *path)
{
    const LullMount *mount = survey ? lull_mount_tree_resolve(survey->tree, path) : NULL;

    if (mount && lull_filesystem_may_hang(mount->type))
        return;
    if (!mount || !lull_survey_may_hang(survey, mount))
        self->fd = open_device(path, &self->device);
    else if (self->far->len < WAYS_MAX)
        g_ptr_array_add(self->far, g_strdup(path));
}

/* By its old name, or, where something has been mounted over that, by any other. */
static void
find_way(Mount *self, const LullSurvey *survey)
{
    try_name(self, survey, self->path);
    for (guint i = 0; survey && i < survey->mounts->len && self->fd < 0; i++) {
        const LullMount *mount = g_ptr_array_index(survey->mounts, i);

        if (mount->device == self->device && !g_str_equal(mount->mountpoint, self->path))
            try_name(self, survey, mount->mountpoint);
    }
}

static LullSurvey *
read_mount_table(void)
{
    GPtrArray *mounts = lull_mountinfo_read("/proc/self/mountinfo", NULL);

    return mounts ? lull_survey_new(mounts) : NULL;
}

static gboolean
may_be_reached(const Mount *self)
{
    return self->fd >= 0 || self->far->len > 0 || self->ways->len > 0;
}

/* One child for each name: however long it is gone, no other follows it. */
static void
set_out(LullRecovery *self)
{
    for (guint i = 0; i < self->mounts->len; i++) {
        Mount *mount = mount_at(self, i);
        LullWay way;

        for (guint k = 0; mount->fd < 0 && k < mount->far->len; k++)
            if (lull_way_begin(&way, g_ptr_array_index(mount->far, k), open_device, &mount->device))
                g_array_append_val(mount->ways, way);
        g_ptr_array_set_size(mount->far, 0);
    }
}

/* Takes in who has come back by @until. */
static void
reach_far(LullRecovery *self, gint64 until)
{
    for (guint i = 0; i < self->mounts->len; i++) {
        Mount *mount = mount_at(self, i);

        for (guint k = mount->ways->len; k-- > 0 && mount->fd < 0;) {
            mount->fd = lull_way_wait(&g_array_index(mount->ways, LullWay, k), until);
            if (mount->fd >= 0 || errno != ETIMEDOUT)
                g_array_remove_index_fast(mount->ways, k);
        }
    }
}

/* ------- the freezer before us */

/* Who has the marker's lock, by the kernel's table of locks; 0: nobody that can be seen. */
static pid_t
find_lock_owner(int marker)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    struct stat st;

    if (fstat(marker, &st) < 0 || !g_file_get_contents("/proc/locks", &text, NULL, NULL))
        return 0;
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        unsigned long long inode;
        unsigned int where[2];
        int pid;

        if (sscanf(lines[i], "%*d: FLOCK %*s WRITE %d %x:%x:%llu", &pid, &where[0], &where[1], &inode) == 4 &&
            makedev(where[0], where[1]) == st.st_dev && inode == st.st_ino)
            return pid;
    }
    return 0;
}

/* It has seen for long that its agent is gone: it is stopped, or stuck in the kernel. Were it let be, what it
 * was in the middle of would stay frozen for as long as that lasts. Its lock goes with it, as soon as the
 * kernel has nothing of it under way. */
static void
end_freezer(LullRecovery *self)
{
    const pid_t owner = self->marker >= 0 && !self->owns_marker ? find_lock_owner(self->marker) : 0;

    if (owner > 0 && owner != getpid())
        (void)kill(owner, SIGKILL);
}

static void
wait_for_marker(LullRecovery *self, gint64 until)
{
    while (self->marker >= 0 && !self->owns_marker && lull_clock_boottime() < until) {
        self->owns_marker = flock(self->marker, LOCK_EX | LOCK_NB) == 0;
        if (!self->owns_marker)
            g_usleep(FREEZER_PAUSE);
    }
}

/* ------- thawing: nothing from here to the thread opens a name or allocates */

static LullHoldMark
mark_of(LullRecovery *self, guint index)
{
    char byte = '0' + LULL_MARK_FROZEN;

    /* Without a marker there is but the record: better thawed once too often. */
    if (self->marker >= 0 && pread(self->marker, &byte, 1, index) != 1)
        return LULL_MARK_FREE;
    return byte == '0' ? LULL_MARK_FREE : byte == '1' ? LULL_MARK_FREEZING : LULL_MARK_FROZEN;
}

static void
thaw(LullRecovery *self, guint index)
{
    Mount *mount = mount_at(self, index);

    mount->thawed = ioctl(mount->fd, FITHAW, 0) == 0;
    mount->error = mount->thawed ? 0 : errno;
    mount->ended = mount->thawed || mount->error == EINVAL; /* EINVAL: it is not frozen */
    if (mount->ended && self->owns_marker)
        (void)!pwrite(self->marker, "0", 1, index);
}

/* One look at each mount, in mirrored order. */
static void
attempt(LullRecovery *self)
{
    gboolean all = TRUE;

    if (!self->owns_marker && self->marker >= 0)
        self->owns_marker = flock(self->marker, LOCK_EX | LOCK_NB) == 0;
    for (guint i = self->mounts->len; i-- > 0;) {
        Mount *mount = mount_at(self, i);
        const LullHoldMark mark = mount->ended ? LULL_MARK_FREE : mark_of(self, i);

        /* A FIFREEZE that is still under way would make FITHAW wait with it, and go on after it. */
        if (mark == LULL_MARK_FROZEN || (mark == LULL_MARK_FREEZING && self->owns_marker)) {
            if (mount->fd >= 0)
                thaw(self, i);
            else if (!may_be_reached(mount))
                mount->ended = mount->lost = TRUE;
            all = all && mount->ended;
        } else if (mark == LULL_MARK_FREEZING) {
            all = FALSE;
        }
    }
    /* While the freezer is there it may still freeze what it has not come to. */
    if (all && (self->owns_marker || self->marker < 0))
        atomic_store(&self->done, true);
}

static void
recovery_unref(LullRecovery *self)
{
    if (atomic_fetch_sub(&self->refs, 1) != 1)
        return;
    if (self->marker >= 0)
        (void)close(self->marker);
    if (self->mounts)
        g_array_unref(self->mounts);
    g_free(self->folder);
    g_free(self->op);
    g_free(self);
}

static void *
thread_main(void *data)
{
    LullRecovery *self = data;

    while (!atomic_load(&self->done)) {
        g_usleep(RETRY);
        reach_far(self, 0);
        attempt(self);
    }
    recovery_unref(self);
    return NULL;
}

/* ------- the owner */

LullRecovery *
lull_recovery_start(const char *folder)
{
    g_autofree char *marker = g_build_filename(folder, "frozen", NULL);
    g_autoptr(LullJson) record = read_record(folder);
    LullRecovery *self = g_new0(LullRecovery, 1);
    g_autoptr(LullSurvey) survey = NULL;

    self->folder = g_strdup(folder);
    self->marker = -1;
    atomic_init(&self->refs, 1);
    atomic_init(&self->done, record == NULL);
    if (!record)
        return self;
    self->op = g_strdup(lull_json_string(record, "op", ""));
    self->standard = lull_json_bool(record, "standard", FALSE);
    self->marker = open(marker, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    read_mounts(self, lull_json_array(record, "mounts"));
    wait_for_marker(self, lull_clock_boottime() + FREEZER_WAIT);
    if (!self->owns_marker) {
        end_freezer(self);
        wait_for_marker(self, lull_clock_boottime() + FREEZER_WAIT);
    }
    survey = read_mount_table();
    for (guint i = 0; i < self->mounts->len; i++)
        if (mark_of(self, i) != LULL_MARK_FREE || !self->owns_marker)
            find_way(mount_at(self, i), survey);
    attempt(self);
    if (!lull_recovery_is_done(self)) {
        set_out(self);
        reach_far(self, lull_clock_boottime() + REACH);
        attempt(self);
    }
    return self;
}

gboolean
lull_recovery_is_done(LullRecovery *self)
{
    return atomic_load(&self->done);
}

void
lull_recovery_follow_up(LullRecovery *self)
{
    pthread_t thread;

    if (lull_recovery_is_done(self))
        return;
    (void)atomic_fetch_add(&self->refs, 1);
    if (pthread_create(&thread, NULL, thread_main, self) == 0)
        (void)pthread_detach(thread);
    else
        recovery_unref(self);
}

/* A freezer that was killed in the middle of freezing has not switched it off. */
static void
end_expedited(LullRecovery *self)
{
    char byte = '0';
    int fd;

    if (self->marker < 0 || pread(self->marker, &byte, 1, self->mounts->len) != 1 || byte == '0')
        return;
    fd = open(LULL_EXPEDITE_PATH, O_WRONLY | O_CLOEXEC);
    lull_expedite_set(fd, false);
    if (fd >= 0)
        (void)close(fd);
}

void
lull_recovery_finish(LullRecovery *self)
{
    guint n_thawed = 0;

    if (self->mounts)
        end_expedited(self);

    for (guint i = 0; self->mounts && i < self->mounts->len; i++) {
        const Mount *mount = mount_at(self, i);

        n_thawed += mount->thawed;
        if (mount->lost)
            g_warning("%s: no way to it any more, so it could not be thawed", mount->path);
    }
    if (self->op)
        g_message("operation %s was interrupted; %u file systems were still frozen and are thawed", self->op,
                  n_thawed);
    lull_record_remove(self->folder);
    if (self->marker >= 0)
        (void)close(self->marker);
    self->marker = -1;
    g_clear_pointer(&self->mounts, g_array_unref); /* an open mount point cannot be unmounted */
    self->finished = TRUE;
}

gboolean
lull_recovery_is_finished(const LullRecovery *self)
{
    return self->finished;
}

const char *
lull_recovery_op(const LullRecovery *self)
{
    return self->op;
}

gboolean
lull_recovery_standard(const LullRecovery *self)
{
    return self->standard;
}

void
lull_recovery_free(LullRecovery *self)
{
    if (self)
        recovery_unref(self);
}
