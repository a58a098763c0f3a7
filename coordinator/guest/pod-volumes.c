/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/pod-volumes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "protocol/error.h"

#define MAX_VOLUMES 512 /* of one pod */

/* What these hold ends with the pod. */
static const char *const ephemeral[] = {"kubernetes.io~empty-dir",    "kubernetes.io~configmap",
                                        "kubernetes.io~secret",       "kubernetes.io~projected",
                                        "kubernetes.io~downward-api", NULL};

#define CSI "kubernetes.io~csi" /* has its volumes a folder further down, beside a file of its own */

/* Of who waits and of who works: storage that hangs keeps the latter. */
typedef struct {
    gatomicrefcount refs;
    char *directory;
    GMutex lock;
    GCond changed;
    gboolean over;
    guint synced;
    int code; /* 0: none was refused */
} Work;

static void
work_unref(Work *self)
{
    if (!g_atomic_ref_count_dec(&self->refs))
        return;
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->directory);
    g_free(self);
}

static int
enter(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Takes @volume, a descriptor. */
static void
sync_one(Work *self, int volume)
{
    if (syncfs(volume) == 0)
        self->synced++;
    else
        self->code = errno;
    close(volume);
}

/* Calls @func with each directory in @at, which it takes. */
static void
each_directory(Work *self, int at, void (*func)(Work *self, int directory, const char *name))
{
    DIR *list = fdopendir(at);
    struct dirent *entry;

    if (!list) {
        close(at);
        return;
    }
    while (self->synced < MAX_VOLUMES && (entry = readdir(list))) {
        const int directory = entry->d_name[0] == '.' ? -1 : enter(dirfd(list), entry->d_name);

        if (directory >= 0)
            func(self, directory, entry->d_name);
    }
    closedir(list);
}

static void
sync_volume(Work *self, int directory, const char *name)
{
    (void)name;
    sync_one(self, directory);
}

static void
sync_csi_volume(Work *self, int directory, const char *name)
{
    const int volume = enter(directory, "mount");

    (void)name;
    close(directory);
    if (volume >= 0)
        sync_one(self, volume);
}

static void
sync_kind(Work *self, int directory, const char *kind)
{
    if (g_strv_contains(ephemeral, kind))
        close(directory);
    else
        each_directory(self, directory, g_str_equal(kind, CSI) ? sync_csi_volume : sync_volume);
}

static gpointer
work(gpointer data)
{
    Work *self = data;
    g_autofree char *path = g_build_filename(self->directory, "volumes", NULL);
    const int volumes = enter(AT_FDCWD, path);

    if (volumes >= 0)
        each_directory(self, volumes, sync_kind);
    g_mutex_lock(&self->lock);
    self->over = TRUE;
    g_cond_signal(&self->changed);
    g_mutex_unlock(&self->lock);
    work_unref(self);
    return NULL;
}

/* With the lock held. */
static gboolean
judge(const Work *self, GError **error)
{
    if (!self->over)
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                    "volumes of pod %s: their storage did not take what the node still had of them in time",
                    self->directory);
    else if (self->code)
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED,
                    "volumes of pod %s: their storage did not take what the node still had of them: %s",
                    self->directory, g_strerror(self->code));
    else if (self->synced == 0)
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST,
                    "volumes of pod %s: there are none to be seen: the kubelet's directory of pods must be "
                    "mounted with all that is mounted below it (HostToContainer)",
                    self->directory);
    return self->over && !self->code && self->synced > 0;
}

gboolean
lull_pod_volumes_sync(const char *pod_directory, gint64 budget_usec, GError **error)
{
    const gint64 until = g_get_monotonic_time() + budget_usec;
    Work *self = g_new0(Work, 1);
    gboolean done;

    g_atomic_ref_count_init(&self->refs);
    g_atomic_ref_count_inc(&self->refs);
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    self->directory = g_strdup(pod_directory);
    g_thread_unref(g_thread_new("pod-volumes", work, self));
    g_mutex_lock(&self->lock);
    while (!self->over && g_cond_wait_until(&self->changed, &self->lock, until))
        ;
    done = judge(self, error);
    g_mutex_unlock(&self->lock);
    work_unref(self);
    return done;
}
