/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/streams.h"

#include "protocol/clock.h"

#define LONGEST_NAP LULL_SEC(60)

struct _LullKubeStreams {
    LullKubeLink *link;
    CURLM *multi;
    GThread *thread;
    GPtrArray *streams; /* of LullStream, owned; the thread's */
    GMutex lock;
    /* under it: */
    GPtrArray *coming; /* of LullStream, owned */
    GPtrArray *going;  /* of LullStream, which are in one of the others */
    gboolean quit;
};

static gboolean
take_orders(LullKubeStreams *self)
{
    gboolean quit;

    g_mutex_lock(&self->lock);
    while (self->coming->len > 0)
        g_ptr_array_add(self->streams, g_ptr_array_steal_index(self->coming, 0));
    for (guint i = 0; i < self->going->len; i++)
        g_ptr_array_remove_fast(self->streams, g_ptr_array_index(self->going, i));
    g_ptr_array_set_size(self->going, 0);
    quit = self->quit;
    g_mutex_unlock(&self->lock);
    return !quit;
}

static void
take_results(LullKubeStreams *self)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(self->multi, &left))) {
        const CURL *easy = message->easy_handle;
        const CURLcode code = message->data.result;

        for (guint i = 0; i < self->streams->len; i++)
            if (lull_stream_finish(g_ptr_array_index(self->streams, i), easy, code, lull_clock_boottime()))
                break;
    }
}

/* Says when something is due again. */
static gint64
drive_all(LullKubeStreams *self)
{
    const gint64 now = lull_clock_boottime();
    gint64 next = now + LONGEST_NAP;

    for (guint i = 0; i < self->streams->len; i++)
        next = MIN(next, lull_stream_drive(g_ptr_array_index(self->streams, i), now));
    return next;
}

static gpointer
run(gpointer user_data)
{
    LullKubeStreams *self = user_data;
    int running = 0;

    while (take_orders(self)) {
        (void)curl_multi_perform(self->multi, &running);
        take_results(self);
        const gint64 next = drive_all(self);
        const gint64 nap = CLAMP(next - lull_clock_boottime(), 0, LONGEST_NAP);
        (void)curl_multi_poll(self->multi, NULL, 0, (int)(nap / LULL_MSEC(1)) + (nap > 0 ? 1 : 0), NULL);
    }
    g_ptr_array_set_size(self->streams, 0);
    return NULL;
}

LullKubeStreams *
lull_kube_streams_new(LullKubeLink *link)
{
    LullKubeStreams *self = g_new0(LullKubeStreams, 1);

    self->link = link;
    self->multi = curl_multi_init();
    self->streams = g_ptr_array_new_with_free_func((GDestroyNotify)lull_stream_free);
    self->coming = g_ptr_array_new_with_free_func((GDestroyNotify)lull_stream_free);
    self->going = g_ptr_array_new();
    g_mutex_init(&self->lock);
    self->thread = g_thread_new("kube-watch", run, self);
    return self;
}

void
lull_kube_streams_free(LullKubeStreams *self)
{
    if (!self)
        return;
    g_mutex_lock(&self->lock);
    self->quit = TRUE;
    g_mutex_unlock(&self->lock);
    (void)curl_multi_wakeup(self->multi);
    g_thread_join(self->thread);
    g_ptr_array_unref(self->streams);
    g_ptr_array_unref(self->coming);
    g_ptr_array_unref(self->going);
    curl_multi_cleanup(self->multi);
    g_mutex_clear(&self->lock);
    g_free(self);
}

LullStream *
lull_kube_streams_add(LullKubeStreams *self, const LullStreamOptions *options, LullMailbox *mailbox,
                      gint64 wait, GError **error)
{
    LullStream *stream = lull_stream_new(self->link, self->multi, options, mailbox);

    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->coming, stream);
    g_mutex_unlock(&self->lock);
    (void)curl_multi_wakeup(self->multi);
    if (wait <= 0 || lull_stream_wait_opened(stream, lull_clock_boottime() + wait, error))
        return stream;
    lull_kube_streams_remove(self, stream);
    return NULL;
}

void
lull_kube_streams_remove(LullKubeStreams *self, LullStream *stream)
{
    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->going, stream);
    g_mutex_unlock(&self->lock);
    (void)curl_multi_wakeup(self->multi);
}
