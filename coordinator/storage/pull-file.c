/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull-file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "coordinator/storage/digest.h"
#include "coordinator/storage/folder.h"
#include "protocol/error.h"

#define WRITE_OUT ((guint64)8 * 1024 * 1024) /* what is not on its way to the disk yet */

typedef struct {
    guint8 *block;
    gsize bytes;
} Written;

struct _LullPullFile {
    char *path;
    int fd;
    guint64 end;         /* bytes written */
    guint64 written_out; /* of them, on their way to the disk */
    gboolean is_finished;
    guint8 *blocks; /* all of them */

    pthread_t summer;
    gboolean is_summing;
    LullDigest *digest; /* the thread's, while it runs */

    pthread_mutex_t lock; /* for the rest */
    pthread_cond_t changed;
    guint8 *idle[LULL_PULL_BLOCKS];
    guint n_idle;
    Written queue[LULL_PULL_BLOCKS]; /* a ring: as many as there are blocks, so never too many */
    guint head;
    guint n_queued;
    gboolean is_last;
    gboolean is_given_up;
};

/* FALSE: that was all. */
static gboolean
next_written(LullPullFile *self, Written *ret_written)
{
    gboolean is_there;

    pthread_mutex_lock(&self->lock);
    while (self->n_queued == 0 && !self->is_last)
        pthread_cond_wait(&self->changed, &self->lock);
    is_there = self->n_queued > 0 && !self->is_given_up;
    if (is_there) {
        *ret_written = self->queue[self->head];
        self->head = (self->head + 1) % LULL_PULL_BLOCKS;
        self->n_queued--;
    }
    pthread_mutex_unlock(&self->lock);
    return is_there;
}

static void
give_back(LullPullFile *self, guint8 *block)
{
    pthread_mutex_lock(&self->lock);
    self->idle[self->n_idle++] = block;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void *
sum_up(void *data)
{
    LullPullFile *self = data;
    Written written;

    while (next_written(self, &written)) {
        lull_digest_add(self->digest, written.block, written.bytes);
        give_back(self, written.block);
    }
    return NULL;
}

static gboolean
start(LullPullFile *self, GError **error)
{
    int rc;

    self->digest = lull_digest_new(error);
    if (!self->digest)
        return FALSE;
    rc = pthread_create(&self->summer, NULL, sum_up, self);
    self->is_summing = rc == 0;
    return rc == 0 || lull_folder_errno(error, rc, "a thread to sum up", self->path);
}

static void
stop(LullPullFile *self, gboolean give_up)
{
    if (!self->is_summing)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_last = TRUE;
    self->is_given_up = give_up;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->summer, NULL);
    self->is_summing = FALSE;
}

static gboolean
open_new(LullPullFile *self, const char *path, GError **error)
{
    self->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (self->fd < 0 && errno == EEXIST) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_EXISTS, "%s: it is there already", path);
        return FALSE;
    }
    if (self->fd < 0)
        return lull_folder_errno(error, errno, "writing", path);
    self->path = g_strdup(path);
    return TRUE;
}

LullPullFile *
lull_pull_file_new(const char *path, GError **error)
{
    g_autoptr(LullPullFile) self = g_new0(LullPullFile, 1);

    self->fd = -1;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    if (!open_new(self, path, error))
        return NULL;
    self->blocks = g_malloc(LULL_PULL_BLOCKS * LULL_PULL_BLOCK);
    while (self->n_idle < LULL_PULL_BLOCKS) {
        self->idle[self->n_idle] = self->blocks + self->n_idle * LULL_PULL_BLOCK;
        self->n_idle++;
    }
    return start(self, error) ? g_steal_pointer(&self) : NULL;
}

guint8 *
lull_pull_file_take(LullPullFile *self)
{
    guint8 *block;

    pthread_mutex_lock(&self->lock);
    while (self->n_idle == 0)
        pthread_cond_wait(&self->changed, &self->lock);
    block = self->idle[--self->n_idle];
    pthread_mutex_unlock(&self->lock);
    return block;
}

static void
queue(LullPullFile *self, guint8 *block, gsize bytes)
{
    pthread_mutex_lock(&self->lock);
    self->queue[(self->head + self->n_queued++) % LULL_PULL_BLOCKS] = (Written){block, bytes};
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

gboolean
lull_pull_file_write(LullPullFile *self, guint8 *block, gsize bytes, GError **error)
{
    for (gsize done = 0; done < bytes;) {
        const ssize_t n = pwrite(self->fd, block + done, bytes - done, (off_t)(self->end + done));

        if (n == 0 || (n < 0 && errno != EINTR)) {
            lull_folder_errno(error, n == 0 ? EIO : errno, "writing", self->path);
            give_back(self, block);
            return FALSE;
        }
        done += n > 0 ? (gsize)n : 0;
    }
    self->end += bytes;
    queue(self, block, bytes);
    if (self->end - self->written_out >= WRITE_OUT) {
        (void)sync_file_range(self->fd, (off_t)self->written_out, (off_t)(self->end - self->written_out),
                              SYNC_FILE_RANGE_WRITE);
        self->written_out = self->end;
    }
    return TRUE;
}

gboolean
lull_pull_file_finish(LullPullFile *self, char **ret_sha256, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(self->path);
    char *sum = NULL;

    if (fdatasync(self->fd) < 0)
        return lull_folder_errno(error, errno, "syncing", self->path);
    if (!lull_folder_sync(folder, error))
        return FALSE;
    stop(self, FALSE);
    sum = lull_digest_text(self->digest, error);
    if (!sum)
        return FALSE;
    *ret_sha256 = sum;
    self->is_finished = TRUE;
    return TRUE;
}

void
lull_pull_file_free(LullPullFile *self)
{
    if (!self)
        return;
    stop(self, TRUE);
    if (self->fd >= 0)
        close(self->fd);
    if (self->fd >= 0 && !self->is_finished)
        (void)unlink(self->path);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    lull_digest_free(self->digest);
    g_free(self->blocks);
    g_free(self->path);
    g_free(self);
}
