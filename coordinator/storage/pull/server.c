/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/server.h"

#include <errno.h>
#include <libnbd.h>
#include <poll.h>

#include "coordinator/storage/pull/extents.h"
#include "coordinator/storage/pull/watchdog.h"
#include "protocol/error.h"

#define PATIENCE    (60 * G_USEC_PER_SEC)
#define TICK_MS     500
#define RETRY_MS    20
#define MAX_EXTENTS (1024 * 1024 / sizeof(LullPullExtent)) /* of one answer; the rest is asked for again */

struct _LullPullServer {
    struct nbd_handle *nbd;
    LullPullWatchdog *watchdog;
    char *bitmap; /* as the server calls it, or NULL */
    guint64 size;
    gint64 patience;
    LullPullTick tick;
    gpointer user_data;
    GCancellable *cancel;
    GPollFD cancel_fd;
    gboolean has_cancel_fd;

    /* of the question under way */
    GArray *allocation;
    GArray *dirty;
};

static gboolean
fail(GError **error, LullError code, const char *doing)
{
    const char *why = nbd_get_error();

    g_set_error(error, LULL_ERROR, code, "NBD server: %s: %s", doing, why ? why : "failed without a word");
    return FALSE;
}

static gboolean
is_gone(const LullPullServer *self)
{
    return nbd_aio_is_dead(self->nbd) || nbd_aio_is_closed(self->nbd);
}

static short
events_of(unsigned direction)
{
    return (short)(((direction & LIBNBD_AIO_DIRECTION_READ) ? POLLIN : 0) |
                   ((direction & LIBNBD_AIO_DIRECTION_WRITE) ? POLLOUT : 0));
}

/* Whether something came is for the caller to see. */
static gboolean
turn(LullPullServer *self, const char *doing, GError **error)
{
    const unsigned direction = nbd_aio_get_direction(self->nbd);
    struct pollfd fds[2] = {
        {.fd = nbd_aio_get_fd(self->nbd), .events = events_of(direction)},
        {.fd = self->has_cancel_fd ? self->cancel_fd.fd : -1, .events = POLLIN},
    };
    int rc = 0;

    if (g_cancellable_set_error_if_cancelled(self->cancel, error) || !self->tick(self->user_data, error))
        return FALSE;
    if (poll(fds, G_N_ELEMENTS(fds), TICK_MS) < 0 && errno != EINTR) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "NBD server: waiting: %s", g_strerror(errno));
        return FALSE;
    }
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && (direction & LIBNBD_AIO_DIRECTION_READ))
        rc = nbd_aio_notify_read(self->nbd);
    else if (fds[0].revents)
        rc = nbd_aio_notify_write(self->nbd);
    if (fds[0].revents && self->watchdog)
        lull_pull_watchdog_beat(self->watchdog);
    return rc == 0 || fail(error, LULL_ERROR_LOST, doing);
}

/* Each answer gives the server its time anew. */
typedef struct {
    gint64 until;
    int owed;
} Patience;

static Patience
be_patient(const LullPullServer *self)
{
    return (Patience){g_get_monotonic_time() + self->patience, nbd_aio_in_flight(self->nbd)};
}

static gboolean
is_patient(const LullPullServer *self, Patience *patience, const char *doing, GError **error)
{
    const int owed = nbd_aio_in_flight(self->nbd);

    if (owed < patience->owed)
        *patience = be_patient(self);
    if (g_get_monotonic_time() < patience->until)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                "NBD server: %s: no answer for %" G_GINT64_FORMAT " seconds", doing,
                self->patience / G_USEC_PER_SEC);
    return FALSE;
}

/* One can be connected once. */
static gboolean
make_handle(LullPullServer *self, const char *export, GError **error)
{
    g_clear_pointer(&self->nbd, nbd_close);
    self->nbd = nbd_create();
    return (self->nbd && nbd_set_export_name(self->nbd, export) == 0 &&
            nbd_add_meta_context(self->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0 &&
            (!self->bitmap || nbd_add_meta_context(self->nbd, self->bitmap) == 0)) ||
           fail(error, LULL_ERROR_INVALID, export);
}

static gboolean
rest(LullPullServer *self, GError **error)
{
    struct pollfd fd = {.fd = self->has_cancel_fd ? self->cancel_fd.fd : -1, .events = POLLIN};

    (void)poll(&fd, 1, RETRY_MS);
    return !g_cancellable_set_error_if_cancelled(self->cancel, error) && self->tick(self->user_data, error);
}

/* Nobody listens there. */
static gboolean
is_unheard(int saved_errno)
{
    return saved_errno == ENOENT || saved_errno == ECONNREFUSED;
}

static gboolean
connect_to(LullPullServer *self, const LullPullVolume *volume, GError **error)
{
    g_autofree char *doing = g_strdup_printf("connecting to %s", volume->socket);
    Patience patience = {g_get_monotonic_time() + self->patience, 0};

    if (!make_handle(self, volume->export, error))
        return FALSE;
    while (nbd_aio_connect_unix(self->nbd, volume->socket) < 0) {
        if (nbd_get_errno() != EAGAIN) /* its queue is full */
            return fail(error, is_unheard(nbd_get_errno()) ? LULL_ERROR_NOT_FOUND : LULL_ERROR_LOST, doing);
        if (!make_handle(self, volume->export, error) || !is_patient(self, &patience, doing, error) ||
            !rest(self, error))
            return FALSE;
    }
    while (!nbd_aio_is_ready(self->nbd)) {
        if (is_gone(self))
            return fail(error, LULL_ERROR_LOST, doing);
        if (!is_patient(self, &patience, doing, error) || !turn(self, doing, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
has_context(const LullPullServer *self, const char *name, GError **error)
{
    if (nbd_can_meta_context(self->nbd, name) == 1)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "NBD server: it does not have \"%s\" for this disk",
                name);
    return FALSE;
}

static gboolean
look(LullPullServer *self, GError **error)
{
    const gint64 size = nbd_get_size(self->nbd);

    if (size < 0)
        return fail(error, LULL_ERROR_FAILED, "size");
    self->size = (guint64)size;
    return has_context(self, LIBNBD_CONTEXT_BASE_ALLOCATION, error) &&
           (!self->bitmap || has_context(self, self->bitmap, error));
}

LullPullServer *
lull_pull_server_new(const LullPullVolume *volume, LullPullTick tick, gpointer user_data,
                     GCancellable *cancel, GError **error)
{
    g_autoptr(LullPullServer) self = g_new0(LullPullServer, 1);

    self->patience = volume->patience ? volume->patience : PATIENCE;
    self->tick = tick;
    self->user_data = user_data;
    self->cancel = cancel;
    self->has_cancel_fd =
        g_cancellable_make_pollfd(cancel, &self->cancel_fd); /* else it is seen by the tick */
    self->bitmap = volume->bitmap ? g_strconcat("qemu:dirty-bitmap:", volume->bitmap, NULL) : NULL;
    if (!connect_to(self, volume, error) || !look(self, error))
        return NULL;
    self->watchdog = lull_pull_watchdog_new(nbd_aio_get_fd(self->nbd), volume->path, error);
    return self->watchdog ? g_steal_pointer(&self) : NULL;
}

/* What is under way is not waited for: the server may never answer. */
void
lull_pull_server_free(LullPullServer *self)
{
    if (!self)
        return;
    if (self->nbd && nbd_aio_is_ready(self->nbd))
        (void)nbd_aio_disconnect(self->nbd, 0);
    lull_pull_watchdog_free(self->watchdog);
    if (self->nbd)
        nbd_close(self->nbd);
    if (self->has_cancel_fd)
        g_cancellable_release_fd(self->cancel);
    g_free(self->bitmap);
    g_free(self);
}

guint64
lull_pull_server_size(const LullPullServer *self)
{
    return self->size;
}

static int
on_extents(void *user_data, const char *context, uint64_t offset, uint32_t *entries, size_t n, int *error)
{
    LullPullServer *self = user_data;
    GArray *list = NULL;

    if (g_str_equal(context, LIBNBD_CONTEXT_BASE_ALLOCATION))
        list = self->allocation;
    else if (self->bitmap && g_str_equal(context, self->bitmap))
        list = self->dirty;
    for (size_t i = 0; list && i + 1 < n && list->len < MAX_EXTENTS; i += 2) {
        const LullPullExtent extent = {entries[i], entries[i + 1]};

        g_array_append_val(list, extent);
    }
    return 0;
}

static guint64
begun(gint64 request, const char *doing, const LullPullServer *self, GError **error)
{
    if (request > 0)
        return (guint64)request;
    fail(error, is_gone(self) ? LULL_ERROR_LOST : LULL_ERROR_FAILED, doing);
    return 0;
}

static gboolean
wait_for(LullPullServer *self, guint64 request, const char *doing, GError **error)
{
    Patience patience = be_patient(self);
    int done;

    while ((done = nbd_aio_command_completed(self->nbd, request)) == 0)
        if (!is_patient(self, &patience, doing, error) || !turn(self, doing, error))
            return FALSE;
    return done > 0 || fail(error, is_gone(self) ? LULL_ERROR_LOST : LULL_ERROR_FAILED, doing);
}

gboolean
lull_pull_server_extents(LullPullServer *self, guint64 offset, guint64 bytes, GArray *allocation,
                         GArray *dirty, GError **error)
{
    const char *doing = "asking what there is on the disk";
    const nbd_extent_callback on_answer = {.callback = on_extents, .user_data = self};
    guint64 request;

    g_array_set_size(allocation, 0);
    g_array_set_size(dirty, 0);
    self->allocation = allocation;
    self->dirty = dirty;
    request = begun(nbd_aio_block_status(self->nbd, bytes, offset, on_answer, NBD_NULL_COMPLETION, 0), doing,
                    self, error);
    return request && wait_for(self, request, doing, error);
}

guint64
lull_pull_server_read(LullPullServer *self, guint64 offset, guint64 bytes, guint8 *buffer, GError **error)
{
    return begun(nbd_aio_pread(self->nbd, buffer, bytes, offset, NBD_NULL_COMPLETION, 0), "reading", self,
                 error);
}

gboolean
lull_pull_server_wait(LullPullServer *self, guint64 request, GError **error)
{
    return wait_for(self, request, "reading", error);
}
