/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "coordinator/storage/digest.h"
#include "coordinator/storage/folder.h"
#include "protocol/error.h"

#define WRITE_OUT ((guint64)8 * 1024 * 1024) /* of the cache, what is not on its way to the disk yet */
#define AT_ONCE   4    /* blocks: few, since what the guest writes meanwhile stands behind them */
#define ALIGNMENT 4096 /* of memory, for the disk to take it as it is */

typedef struct {
    guint8 *block;
    gsize bytes;
} Filled;

struct _LullPullFile {
    char *path;
    int fd;
    gboolean is_finished;
    guint8 *blocks; /* all of them */
    LullDigest *digest;

    pthread_t writer;
    gboolean is_writing;
    gboolean is_direct;  /* the writer's, like the next: past the cache, which has better things to keep */
    guint64 end;         /* bytes written */
    guint64 written_out; /* of them, on their way to the disk */

    pthread_mutex_t lock; /* for the rest */
    pthread_cond_t changed;
    guint8 *idle[LULL_PULL_BLOCKS];
    guint n_idle;
    Filled queue[LULL_PULL_BLOCKS]; /* a ring: as many as there are blocks, so never too many */
    guint head;
    guint n_queued;
    gboolean is_last;
    gboolean is_given_up;
    GError *problem; /* of the writer, which writes no more */
};

/* As many as may be written at once; none: that was all. */
static guint
next_filled(LullPullFile *self, Filled *ret_filled)
{
    guint n = 0;

    pthread_mutex_lock(&self->lock);
    while (self->n_queued == 0 && !self->is_last)
        pthread_cond_wait(&self->changed, &self->lock);
    while (!self->is_given_up && self->n_queued > 0 && n < AT_ONCE) {
        ret_filled[n++] = self->queue[self->head];
        self->head = (self->head + 1) % LULL_PULL_BLOCKS;
        self->n_queued--;
    }
    pthread_mutex_unlock(&self->lock);
    return n;
}

static void
give_back(LullPullFile *self, const Filled *filled, guint n, GError *take_problem)
{
    pthread_mutex_lock(&self->lock);
    for (guint i = 0; i < n; i++)
        self->idle[self->n_idle++] = filled[i].block;
    if (take_problem)
        self->problem = take_problem;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static gboolean
set_direct(LullPullFile *self, gboolean direct)
{
    const int flags = fcntl(self->fd, F_GETFL);

    return flags >= 0 && fcntl(self->fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

static void
skip(struct iovec **parts, guint *n, gsize bytes)
{
    while (*n && bytes >= (*parts)->iov_len) {
        bytes -= (*parts)->iov_len;
        (*parts)++;
        (*n)--;
    }
    if (*n) {
        (*parts)->iov_base = (guint8 *)(*parts)->iov_base + bytes;
        (*parts)->iov_len -= bytes;
    }
}

static gboolean
write_parts(LullPullFile *self, struct iovec *parts, guint n, GError **error)
{
    skip(&parts, &n, 0);
    while (n) {
        const ssize_t done = pwritev(self->fd, parts, (int)n, (off_t)self->end);

        if (done < 0 && errno == EINVAL && self->is_direct && set_direct(self, FALSE)) {
            self->is_direct = FALSE; /* what is not whole sectors, or a file system that has no such thing */
            continue;
        }
        if (done == 0 || (done < 0 && errno != EINTR))
            return lull_folder_errno(error, done == 0 ? EIO : errno, "writing", self->path);
        self->end += done > 0 ? (guint64)done : 0;
        skip(&parts, &n, done > 0 ? (gsize)done : 0);
    }
    return TRUE;
}

static gboolean
write_filled(LullPullFile *self, const Filled *filled, guint n, GError **error)
{
    struct iovec parts[AT_ONCE];

    for (guint i = 0; i < n; i++)
        parts[i] = (struct iovec){filled[i].block, filled[i].bytes};
    if (!write_parts(self, parts, n, error))
        return FALSE;
    if (!self->is_direct && self->end - self->written_out >= WRITE_OUT) {
        (void)sync_file_range(self->fd, (off_t)self->written_out, (off_t)(self->end - self->written_out),
                              SYNC_FILE_RANGE_WRITE);
        self->written_out = self->end;
    }
    return TRUE;
}

static void *
write_all(void *data)
{
    LullPullFile *self = data;
    Filled filled[AT_ONCE];
    gboolean ok = TRUE;
    guint n;

    while ((n = next_filled(self, filled)) > 0) {
        GError *problem = NULL;

        ok = ok && write_filled(self, filled, n, &problem);
        give_back(self, filled, n, problem);
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
    self->is_direct = set_direct(self, TRUE);
    rc = pthread_create(&self->writer, NULL, write_all, self);
    self->is_writing = rc == 0;
    return rc == 0 || lull_folder_errno(error, rc, "a thread to write", self->path);
}

static void
stop(LullPullFile *self, gboolean give_up)
{
    if (!self->is_writing)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_last = TRUE;
    self->is_given_up = give_up;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->writer, NULL);
    self->is_writing = FALSE;
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
    self->blocks = aligned_alloc(ALIGNMENT, LULL_PULL_BLOCKS * LULL_PULL_BLOCK);
    if (!self->blocks) {
        lull_folder_errno(error, ENOMEM, "memory to write", path);
        return NULL;
    }
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

gboolean
lull_pull_file_has_block(LullPullFile *self)
{
    gboolean has;

    pthread_mutex_lock(&self->lock);
    has = self->n_idle > 0;
    pthread_mutex_unlock(&self->lock);
    return has;
}

gboolean
lull_pull_file_write(LullPullFile *self, guint8 *block, gsize bytes, GError **error)
{
    gboolean ok;

    lull_digest_add(self->digest, block, bytes);
    pthread_mutex_lock(&self->lock);
    self->queue[(self->head + self->n_queued++) % LULL_PULL_BLOCKS] = (Filled){block, bytes};
    ok = self->problem == NULL;
    if (!ok)
        g_propagate_error(error, g_error_copy(self->problem));
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return ok;
}

gboolean
lull_pull_file_finish(LullPullFile *self, char **ret_sha256, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(self->path);
    char *sum = NULL;

    stop(self, FALSE);
    if (self->problem) {
        g_propagate_error(error, g_error_copy(self->problem));
        return FALSE;
    }
    if (fdatasync(self->fd) < 0)
        return lull_folder_errno(error, errno, "syncing", self->path);
    if (!lull_folder_sync(folder, error))
        return FALSE;
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
    g_clear_error(&self->problem);
    free(self->blocks);
    g_free(self->path);
    g_free(self);
}
