/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/ending.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct _LullEnding {
    GMainContext *context;
    GMainLoop *told; /* whose loop is to quit */
    GMutex lock;
    void (*let_go)(gpointer user_data); /* NULL: forgotten */
    gpointer user_data;
    gint64 all;
    gboolean ends;
};

static gboolean
on_end_of_time(gpointer data)
{
    (void)data;
    _exit(EXIT_SUCCESS);
}

static gboolean
quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

/* By the loop itself: one that does not run yet would not know of it when it does. */
static void
have_it_quit(GMainLoop *loop)
{
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_HIGH);
    g_source_set_callback(source, quit, loop, NULL);
    (void)g_source_attach(source, g_main_loop_get_context(loop));
}

static gboolean
on_signal(gpointer data)
{
    LullEnding *self = data;
    g_autoptr(GSource) limit = g_timeout_source_new((guint)(self->all / 1000));

    if (self->ends)
        return G_SOURCE_CONTINUE;
    self->ends = TRUE;
    g_source_set_callback(limit, on_end_of_time, NULL, NULL);
    (void)g_source_attach(limit, self->context);
    g_mutex_lock(&self->lock);
    if (self->let_go)
        self->let_go(self->user_data);
    g_mutex_unlock(&self->lock);
    have_it_quit(self->told);
    return G_SOURCE_CONTINUE;
}

static gpointer
listen(gpointer data)
{
    const LullEnding *self = data;

    for (;;)
        (void)g_main_context_iteration(self->context, TRUE);
    return NULL;
}

static void
hear(LullEnding *self, int number)
{
    g_autoptr(GSource) source = g_unix_signal_source_new(number);

    g_source_set_callback(source, on_signal, self, NULL);
    (void)g_source_attach(source, self->context);
}

LullEnding *
lull_ending_await(GMainLoop *loop, void (*let_go)(gpointer user_data), gpointer user_data, gint64 all_usec)
{
    LullEnding *self = g_new0(LullEnding, 1);

    self->context = g_main_context_new();
    self->told = g_main_loop_ref(loop);
    g_mutex_init(&self->lock);
    self->let_go = let_go;
    self->user_data = user_data;
    self->all = all_usec;
    hear(self, SIGTERM);
    hear(self, SIGINT);
    g_thread_unref(g_thread_new("ending", listen, self)); /* for as long as the process lives */
    return self;
}

void
lull_ending_forget(LullEnding *self)
{
    g_mutex_lock(&self->lock);
    self->let_go = NULL;
    g_mutex_unlock(&self->lock);
}
