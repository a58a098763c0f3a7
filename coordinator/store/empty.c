/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/empty.h"

#include "coordinator/store/object.h"
#include "coordinator/store/selector.h"
#include "protocol/error.h"

#define VERSION "1"

static LullJson *
empty_get(LullStore *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    lull_object_not_found(kind, name, error);
    return NULL;
}

/* Whatever is selected is not there, by whichever field. */
static LullJson *
empty_list(LullStore *self, const LullKind *kind, const char *ns, const LullListOptions *options,
           GError **error)
{
    g_autoptr(LullSelector) selector = lull_selector_new(options->label_selector, NULL, error);
    LullJson *list;

    if (!selector)
        return NULL;
    list = json_object_new_object();
    lull_json_set_string(lull_json_ensure(list, "metadata"), "resourceVersion", VERSION);
    lull_json_take(list, "items", json_object_new_array());
    return list;
}

static gboolean
refuse(const LullKind *kind, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED, "%s: read only", kind->plural);
    return FALSE;
}

static LullJson *
empty_create(LullStore *self, const LullKind *kind, LullJson *object, GError **error)
{
    (void)refuse(kind, error);
    return NULL;
}

static LullJson *
empty_patch(LullStore *self, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
            LullJson *patch, GError **error)
{
    (void)refuse(kind, error);
    return NULL;
}

static gboolean
empty_remove(LullStore *self, const LullKind *kind, const char *ns, const char *name, const char *uid,
             GError **error)
{
    return refuse(kind, error);
}

static LullWatch *
empty_watch(LullStore *self, const LullKind *kind, const char *ns, const LullWatchOptions *options,
            GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    LullWatch *watch = g_new0(LullWatch, 1);

    watch->store = self;
    return watch;
}

static void
empty_watch_stop(LullWatch *watch)
{
    g_free(watch);
}

static void
empty_free(LullStore *self)
{
    g_free(self);
}

LullStore *
lull_store_empty_new(void)
{
    static const LullStoreOps ops = {
        .get = empty_get,
        .list = empty_list,
        .create = empty_create,
        .patch = empty_patch,
        .remove = empty_remove,
        .watch = empty_watch,
        .watch_stop = empty_watch_stop,
        .free = empty_free,
    };
    LullStore *self = g_new0(LullStore, 1);

    self->ops = &ops;
    return self;
}
