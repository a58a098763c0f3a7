/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/store.h"

#include "protocol/clock.h"
#include "protocol/error.h"

#define PAGE 50 /* objects */

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

/* One page; @token is changed to that of the next, NULL after the last. */
static gboolean
show_page(LullStore *self, const LullKind *kind, const char *ns, LullListOptions *options, char **token,
          LullEachFunc func, gpointer user_data, GError **error)
{
    g_autoptr(LullJson) page = NULL;
    LullJson *items = NULL;

    options->continue_token = *token;
    page = lull_store_list(self, kind, ns, options, error);
    if (!page)
        return FALSE;
    items = lull_json_array(page, "items");
    for (size_t i = 0; items && i < json_object_array_length(items); i++)
        func(json_object_array_get_idx(items, i), user_data);
    g_free(*token);
    *token = g_strdup(lull_json_string(lull_json_object(page, "metadata"), "continue", NULL));
    return TRUE;
}

gboolean
lull_store_each(LullStore *self, const LullKind *kind, const char *ns, const char *label_selector,
                LullEachFunc func, gpointer user_data, GError **error)
{
    LullListOptions options = {.label_selector = label_selector, .limit = PAGE};
    g_autofree char *token = NULL;
    g_autoptr(GError) problem = NULL;

    do {
        if (show_page(self, kind, ns, &options, &token, func, user_data, &problem))
            continue;
        if (!options.limit || !token || !lull_error_is(problem, LULL_ERROR_EXPIRED)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        g_clear_error(&problem);
        g_clear_pointer(&token, g_free);
        options.limit = 0; /* a store far away takes pages of its own size then, and can get all at once */
        if (!show_page(self, kind, ns, &options, &token, func, user_data, error))
            return FALSE;
    } while (token);
    return TRUE;
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

gint64
lull_store_now(LullStore *self)
{
    return self->ops->now ? self->ops->now(self) : lull_clock_realtime();
}

void
lull_store_free(LullStore *self)
{
    if (self)
        self->ops->free(self);
}
