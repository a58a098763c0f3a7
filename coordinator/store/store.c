/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/store.h"

LullJson *
lull_store_get(LullStore *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    return self->ops->get(self, kind, ns, name, error);
}

LullJson *
lull_store_get_raw(LullStore *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    return (self->ops->get_raw ? self->ops->get_raw : self->ops->get)(self, kind, ns, name, error);
}

LullJson *
lull_store_list(LullStore *self, const LullKind *kind, const char *ns, const LullListOptions *options,
                GError **error)
{
    static const LullListOptions everything = {0};

    return self->ops->list(self, kind, ns, options ? options : &everything, error);
}

LullJson *
lull_store_create(LullStore *self, const LullKind *kind, LullJson *object, GError **error)
{
    return self->ops->create(self, kind, object, error);
}

LullJson *
lull_store_patch(LullStore *self, const LullKind *kind, const char *ns, const char *name,
                 LullPatchTarget target, LullJson *patch, GError **error)
{
    return self->ops->patch(self, kind, ns, name, target, patch, error);
}

gboolean
lull_store_remove(LullStore *self, const LullKind *kind, const char *ns, const char *name, const char *uid,
                  GError **error)
{
    return self->ops->remove(self, kind, ns, name, uid, error);
}

LullWatch *
lull_store_watch(LullStore *self, const LullKind *kind, const char *ns, const char *since,
                 GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    const LullWatchOptions options = {.since = since};

    /* cppcheck-suppress returnDanglingLifetime ; a watch does not keep its options */
    return self->ops->watch(self, kind, ns, &options, context, func, user_data, error);
}

LullWatch *
lull_store_watch_selected(LullStore *self, const LullKind *kind, const char *ns,
                          const LullWatchOptions *options, GMainContext *context, LullWatchFunc func,
                          gpointer user_data, GError **error)
{
    return self->ops->watch(self, kind, ns, options, context, func, user_data, error);
}

void
lull_watch_stop(LullWatch *watch)
{
    if (watch)
        watch->store->ops->watch_stop(watch);
}

void
lull_store_limit_patience(LullStore *self, gint64 patience)
{
    if (self->ops->limit_patience)
        self->ops->limit_patience(self, patience);
}

void
lull_store_free(LullStore *self)
{
    if (self)
        self->ops->free(self);
}
