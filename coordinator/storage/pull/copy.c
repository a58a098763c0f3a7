/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/copy.h"

#include <string.h>

#include "coordinator/storage/pull/extents.h"
#include "coordinator/storage/pull/file.h"
#include "coordinator/storage/pull/server.h"
#include "coordinator/storage/qcow2-layout.h"
#include "protocol/error.h"
#include "protocol/step.h"

/* Few and large: they are all that stands before what the guest writes meanwhile. */
#define READS     8
#define QUESTION  ((guint64)1024 * 1024 * 1024) /* bytes of the disk */
#define SECTOR    512
#define TELL_EACH (G_USEC_PER_SEC / 10)

G_STATIC_ASSERT(READS < LULL_PULL_BLOCKS);
G_STATIC_ASSERT(LULL_PULL_BLOCK % LULL_QCOW2_CLUSTER == 0);

/* A part of the file whose data is asked for. */
typedef struct {
    guint8 *block;
    gsize bytes;
    guint64 request;
    gboolean is_here;
} Read;

typedef struct {
    const LullPullVolume *volume;
    LullPullProgress progress;
    gpointer user_data;
    GCancellable *cancel;
    gint64 told_at;
    guint64 done;  /* bytes of data */
    guint64 total; /* the same */
    LullQcow2Layout *layout;
    LullPullFile *file;     /* has the blocks that the server fills: */
    LullPullServer *server; /* goes first */
    Read reads[READS];      /* a ring */
    guint64 n_begun;
    guint64 n_ended;
} Copy;

static void
copy_clear(Copy *self)
{
    lull_pull_server_free(self->server);
    lull_pull_file_free(self->file);
    lull_qcow2_layout_free(self->layout);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copy, copy_clear)

static gboolean
tell(gpointer data, GError **error)
{
    Copy *self = data;
    const gint64 now = g_get_monotonic_time();

    if (g_cancellable_set_error_if_cancelled(self->cancel, error))
        return FALSE;
    if (!self->progress || now - self->told_at < TELL_EACH)
        return TRUE;
    self->told_at = now;
    return self->progress(self->done, self->total, self->user_data, error);
}

static guint64
whole_sectors(guint64 bytes)
{
    return bytes / SECTOR + (bytes % SECTOR != 0);
}

static gboolean
check_size(const Copy *self, GError **error)
{
    const guint64 size = lull_pull_server_size(self->server);

    if (whole_sectors(size) == whole_sectors(self->volume->capacity))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT,
                "the disk has %" G_GUINT64_FORMAT " bytes, and not %" G_GUINT64_FORMAT
                " as it had before: take a new snapshot",
                size, self->volume->capacity);
    return FALSE;
}

static gboolean
collect(Copy *self, GError **error)
{
    g_autoptr(GArray) allocation = g_array_new(FALSE, FALSE, sizeof(LullPullExtent));
    g_autoptr(GArray) dirty = g_array_new(FALSE, FALSE, sizeof(LullPullExtent));
    const guint64 size = lull_pull_server_size(self->server);
    guint64 n = 0;

    for (guint64 at = 0; at < size; at += n) {
        n = MIN(size - at, QUESTION);
        if (!lull_pull_server_extents(self->server, at, n, allocation, dirty, error) ||
            !lull_pull_extents_add(self->layout, allocation, self->volume->bitmap ? dirty : NULL,
                                   self->volume->backing != NULL, n, &n, error) ||
            !tell(self, error))
            return FALSE;
    }
    lull_qcow2_layout_close(self->layout);
    self->total = lull_qcow2_layout_data(self->layout);
    return TRUE;
}

static gboolean
write_metadata(Copy *self, GError **error)
{
    gboolean more = TRUE;

    while (more) {
        guint8 *block = lull_pull_file_take(self->file);
        gsize n = 0;

        while (n < LULL_PULL_BLOCK && (more = lull_qcow2_layout_next_metadata(self->layout, block + n)))
            n += LULL_QCOW2_CLUSTER;
        if (!lull_pull_file_write(self->file, block, n, error) || !tell(self, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
receive(Copy *self, Read *read, GError **error)
{
    if (!read->is_here)
        read->is_here = lull_pull_server_wait(self->server, read->request, error);
    return read->is_here;
}

/* No answer waits for the disk that is written to: whatever QEMU does next, it waits for them first. */
static gboolean
receive_all(Copy *self, GError **error)
{
    for (guint64 i = self->n_ended; i < self->n_begun; i++)
        if (!receive(self, &self->reads[i % READS], error))
            return FALSE;
    return TRUE;
}

/* FALSE without an error: there is nothing more to read. */
static gboolean
begin_read(Copy *self, GError **error)
{
    const guint64 size = lull_pull_server_size(self->server);
    Read *read = &self->reads[self->n_begun % READS];
    guint64 offset, bytes, there;

    if (!lull_qcow2_layout_next_data(self->layout, LULL_PULL_BLOCK, &offset, &bytes))
        return FALSE;
    if (!lull_pull_file_has_block(self->file) && !receive_all(self, error))
        return FALSE;
    there = MIN(bytes, size - MIN(offset, size));
    *read = (Read){.block = lull_pull_file_take(self->file), .bytes = bytes};
    memset(read->block + there, 0, bytes - there); /* the last cluster goes on after the end of the disk */
    read->request = lull_pull_server_read(self->server, offset, there, read->block, error);
    self->n_begun += read->request != 0;
    return read->request != 0;
}

static gboolean
end_read(Copy *self, GError **error)
{
    Read *read = &self->reads[self->n_ended % READS];

    if (!receive(self, read, error) || !lull_pull_file_write(self->file, read->block, read->bytes, error))
        return FALSE;
    if (self->n_ended++ == 0)
        lull_step(LULL_STEP_COORDINATOR_COPY_READING);
    self->done += read->bytes;
    return tell(self, error);
}

/* In the order of the file, whatever the order of the answers. */
static gboolean
copy_data(Copy *self, GError **error)
{
    gboolean more = TRUE;

    do {
        g_autoptr(GError) problem = NULL;

        while (more && self->n_begun - self->n_ended < READS)
            more = begin_read(self, &problem);
        if (problem) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        if (self->n_ended < self->n_begun && !end_read(self, error))
            return FALSE;
    } while (self->n_ended < self->n_begun || more);
    return TRUE;
}

static gboolean
copy(Copy *self, char **ret_sha256, GError **error)
{
    const LullPullVolume *volume = self->volume;

    if (!(self->layout = lull_qcow2_layout_new(volume->capacity, volume->backing, error)) ||
        !(self->server = lull_pull_server_new(volume, tell, self, self->cancel, error)) ||
        !check_size(self, error) || !collect(self, error) ||
        !(self->file = lull_pull_file_new(volume->path, error)))
        return FALSE;
    return write_metadata(self, error) && copy_data(self, error) &&
           lull_pull_file_finish(self->file, ret_sha256, error);
}

gboolean
lull_pull_copy(const LullPullVolume *volume, LullPullProgress progress, gpointer user_data,
               GCancellable *cancel, char **ret_sha256, GError **error)
{
    g_auto(Copy) self = {.volume = volume, .progress = progress, .user_data = user_data, .cancel = cancel};

    if (copy(&self, ret_sha256, error))
        return TRUE;
    g_prefix_error(error, "disk %s: ", volume->export);
    return FALSE;
}
