/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/kube.h"
#include "coordinator/store/serve/server.h"
#include "protocol/names.h"
#include "tests/contract/store-contract.h"

/* The store that the tests see is the client's. Objects of other namespaces are made behind the server, which
 * serves one only. */
typedef struct {
    LullStore base;
    LullStore *local;
    LullStore *client;
    char *socket;
    GThread *thread;
    GMainLoop *loop;
    GMutex lock;
    GCond changed;
    gboolean serving;
} Served;

static gboolean
say_serving(gpointer user_data)
{
    Served *self = user_data;

    g_mutex_lock(&self->lock);
    self->serving = TRUE;
    g_cond_signal(&self->changed);
    g_mutex_unlock(&self->lock);
    return G_SOURCE_REMOVE;
}

static gpointer
serve(gpointer user_data)
{
    Served *self = user_data;
    GMainContext *context = g_main_loop_get_context(self->loop);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSource) started = g_idle_source_new();

    g_main_context_push_thread_default(context);
    LullServer *server = lull_server_new(self->local, self->socket, NULL, &error);
    ck_assert_no_error(error);
    g_source_set_callback(started, say_serving, self, NULL);
    g_source_attach(started, context);
    g_main_loop_run(self->loop);
    lull_server_free(server);
    g_main_context_pop_thread_default(context);
    return NULL;
}

static gboolean
quit(gpointer user_data)
{
    g_main_loop_quit((GMainLoop *)user_data);
    return G_SOURCE_REMOVE;
}

static LullJson *
served_get(LullStore *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    return lull_store_get(((Served *)self)->client, kind, ns, name, error);
}

static LullJson *
served_list(LullStore *self, const LullKind *kind, const char *ns, const LullListOptions *options,
            GError **error)
{
    return lull_store_list(((Served *)self)->client, kind, ns, options, error);
}

static LullJson *
served_create(LullStore *base, const LullKind *kind, LullJson *object, GError **error)
{
    Served *self = (Served *)base;
    const char *ns = lull_meta_namespace(object);
    const gboolean elsewhere = ns && !g_str_equal(ns, LULL_NAMESPACE);

    return lull_store_create(elsewhere ? self->local : self->client, kind, object, error);
}

static LullJson *
served_patch(LullStore *self, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
             LullJson *patch, GError **error)
{
    return lull_store_patch(((Served *)self)->client, kind, ns, name, target, patch, error);
}

static gboolean
served_remove(LullStore *self, const LullKind *kind, const char *ns, const char *name, const char *uid,
              GError **error)
{
    return lull_store_remove(((Served *)self)->client, kind, ns, name, uid, error);
}

/* The watch is the client's, so stopping it never comes here. */
static LullWatch *
served_watch(LullStore *self, const LullKind *kind, const char *ns, const LullWatchOptions *options,
             GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    return lull_store_watch_selected(((Served *)self)->client, kind, ns, options, context, func, user_data,
                                     error);
}

static void
served_free(LullStore *base)
{
    Served *self = (Served *)base;
    g_autoptr(GSource) ending = g_idle_source_new();

    lull_store_free(self->client);
    g_source_set_callback(ending, quit, self->loop, NULL);
    g_source_attach(ending, g_main_loop_get_context(self->loop));
    g_thread_join(self->thread);
    g_main_loop_unref(self->loop);
    lull_store_free(self->local);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->socket);
    g_free(self);
}

static const LullStoreOps served_ops = {
    .get = served_get,
    .list = served_list,
    .create = served_create,
    .patch = served_patch,
    .remove = served_remove,
    .watch = served_watch,
    .free = served_free,
};

LullStore *
open_served(const char *directory)
{
    static const LullKubeLimits limits = {.max_pending = MAX_PENDING};
    Served *self = g_new0(Served, 1);
    g_autoptr(GMainContext) context = g_main_context_new();
    LullKubeConfig *config = g_new0(LullKubeConfig, 1);
    g_autoptr(GError) error = NULL;

    self->base.ops = &served_ops;
    self->local = open_local(directory);
    self->socket = g_build_filename(directory, "socket", NULL);
    self->loop = g_main_loop_new(context, FALSE);
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    self->thread = g_thread_new("serve", serve, self);
    g_mutex_lock(&self->lock);
    while (!self->serving)
        g_cond_wait(&self->changed, &self->lock);
    g_mutex_unlock(&self->lock);
    config->socket_path = g_strdup(self->socket);
    config->ns = g_strdup(LULL_NAMESPACE);
    self->client = lull_store_kube_new_with(config, &limits, &error);
    ck_assert_no_error(error);
    return &self->base;
}
