/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/node-instances.h"

#include "coordinator/guest/instance.h"
#include "coordinator/model/kind.h"

#define WATCH_RETRY_MS 100

struct _LullNodeInstances {
    LullStore *store;
    LullHost *host;
    GMainContext *context;
    char *selector;
    LullWatch *watch;
    GSource *retry;
};

static void on_instance(LullWatchType type, LullJson *object, gpointer user_data);

/* What there is now, and all that comes after that: of what went before nothing may stay, for beside the
 * instance that came after it nobody could say which of the two the machine is. */
static gboolean
hear(LullNodeInstances *self, GError **error)
{
    const LullListOptions all = {.label_selector = self->selector};
    g_autoptr(LullJson) list = lull_store_list(self->store, &lull_kind_instance, NULL, &all, error);
    const LullWatchOptions options = {
        .since = lull_json_string(lull_json_object(list, "metadata"), "resourceVersion", NULL),
        .label_selector = self->selector};

    if (!list)
        return FALSE;
    lull_host_hear_instances(self->host, lull_json_array(list, "items"));
    self->watch = lull_store_watch_selected(self->store, &lull_kind_instance, NULL, &options, self->context,
                                            on_instance, self, error);
    return self->watch != NULL;
}

static gboolean
hear_again(gpointer user_data)
{
    LullNodeInstances *self = user_data;
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&self->watch, lull_watch_stop);
    if (!hear(self, &error)) {
        g_warning("cannot watch the machines of this node, trying again: %s", error->message);
        return G_SOURCE_CONTINUE;
    }
    g_clear_pointer(&self->retry, g_source_unref);
    return G_SOURCE_REMOVE;
}

/* A watch that lagged begins anew. */
static void
on_instance(LullWatchType type, LullJson *object, gpointer user_data)
{
    LullNodeInstances *self = user_data;

    if (type != LULL_WATCH_ERROR) {
        lull_host_hear_instance(type, object, self->host);
    } else if (!self->retry) {
        self->retry = g_timeout_source_new(WATCH_RETRY_MS);
        g_source_set_callback(self->retry, hear_again, self, NULL);
        (void)g_source_attach(self->retry, self->context);
    }
}

LullNodeInstances *
lull_node_instances_hear(LullStore *store, const char *node, LullHost *host, GMainContext *context,
                         GError **error)
{
    g_autoptr(LullNodeInstances) self = g_new0(LullNodeInstances, 1);

    self->store = store;
    self->host = host;
    self->context = g_main_context_ref(context);
    self->selector = g_strconcat(LULL_LABEL_INSTANCE_NODE "=", node, NULL);
    return hear(self, error) ? g_steal_pointer(&self) : NULL;
}

void
lull_node_instances_free(LullNodeInstances *self)
{
    if (!self)
        return;
    if (self->retry)
        g_source_destroy(self->retry);
    g_clear_pointer(&self->retry, g_source_unref);
    g_clear_pointer(&self->watch, lull_watch_stop);
    g_main_context_unref(self->context);
    g_free(self->selector);
    g_free(self);
}
