/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/group-store.h"

#include <string.h>

#include "protocol/names.h"

#define OURS LULL_GROUP_SNAPSHOT "/"

static const LullKind *const known[] = {&lull_kind_snapshot, &lull_kind_content, &lull_kind_restore};

typedef struct {
    LullStore base;
    LullStore *inner;
    char *prefix; /* "snapshot.lull.dev/" */
    char *group;
    LullKind kinds[G_N_ELEMENTS(known)];
} Group;

static const LullKind *
kind_in(const Group *self, const LullKind *kind)
{
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (kind == known[i])
            return &self->kinds[i];
    return kind;
}

static gboolean
is_moved(const Group *self, const LullKind *kind)
{
    return kind_in(self, kind) != kind;
}

/* @from at the beginning of the text at @key becomes @to. */
static void
swap_text(LullJson *object, const char *key, const char *from, const char *to)
{
    const char *text = lull_json_string(object, key, "");
    g_autofree char *swapped = NULL;

    if (!g_str_has_prefix(text, from))
        return;
    swapped = g_strconcat(to, text + strlen(from), NULL);
    lull_json_set_string(object, key, swapped);
}

static void
swap_finalizers(LullJson *object, const char *from, const char *to)
{
    LullJson *meta = lull_json_object(object, "metadata");
    LullJson *list = lull_json_array(meta, "finalizers");
    LullJson *swapped = NULL;

    if (!list)
        return;
    swapped = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(list, i));
        const gboolean hit = name && g_str_has_prefix(name, from);
        g_autofree char *other = hit ? g_strconcat(to, name + strlen(from), NULL) : g_strdup(name);

        lull_json_append_string(swapped, other);
    }
    lull_json_take(meta, "finalizers", swapped);
}

/* What was read is its reader's alone. */
static LullJson *
inward(const Group *self, const LullKind *kind, LullJson *take_object)
{
    if (take_object && is_moved(self, kind))
        swap_finalizers(take_object, self->prefix, OURS);
    return take_object;
}

static LullJson *
outward(const Group *self, const LullKind *kind, LullJson *object)
{
    LullJson *copy = lull_json_dup(object);

    if (is_moved(self, kind)) {
        swap_finalizers(copy, OURS, self->prefix);
        swap_text(copy, "apiVersion", OURS, self->prefix);
    } else if (kind == &lull_kind_event) {
        swap_text(lull_json_object(copy, "involvedObject"), "apiVersion", OURS, self->prefix);
    }
    return copy;
}

static LullJson *
group_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    const Group *self = (const Group *)store;

    return inward(self, kind, lull_store_get(self->inner, kind_in(self, kind), ns, name, error));
}

static LullJson *
group_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
           GError **error)
{
    const Group *self = (const Group *)store;
    LullJson *list = lull_store_list(self->inner, kind_in(self, kind), ns, options, error);
    LullJson *items = lull_json_array(list, "items");

    for (size_t i = 0; items && i < json_object_array_length(items); i++)
        (void)inward(self, kind, json_object_array_get_idx(items, i));
    return list;
}

static LullJson *
group_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    const Group *self = (const Group *)store;
    g_autoptr(LullJson) copy = outward(self, kind, object);

    return inward(self, kind, lull_store_create(self->inner, kind_in(self, kind), copy, error));
}

static LullJson *
group_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
            LullJson *patch, GError **error)
{
    const Group *self = (const Group *)store;
    g_autoptr(LullJson) copy = outward(self, kind, patch);

    return inward(self, kind,
                  lull_store_patch(self->inner, kind_in(self, kind), ns, name, target, copy, error));
}

static gboolean
group_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
             GError **error)
{
    const Group *self = (const Group *)store;

    return lull_store_remove(self->inner, kind_in(self, kind), ns, name, uid, error);
}

/* Those who watch look at an object again before they act on it: what an event has of it stays as it is. */
static LullWatch *
group_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
            GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    const Group *self = (const Group *)store;

    return lull_store_watch_selected(self->inner, kind_in(self, kind), ns, options, context, func, user_data,
                                     error);
}

static void
group_limit_patience(LullStore *store, gint64 patience)
{
    lull_store_limit_patience(((Group *)store)->inner, patience);
}

static gint64
group_now(LullStore *store)
{
    return lull_store_now(((Group *)store)->inner);
}

static void
group_free(LullStore *store)
{
    Group *self = (Group *)store;

    lull_store_free(self->inner);
    g_free(self->prefix);
    g_free(self->group);
    g_free(self);
}

static const LullStoreOps group_ops = {.get = group_get,
                                       .list = group_list,
                                       .create = group_create,
                                       .patch = group_patch,
                                       .remove = group_remove,
                                       .watch = group_watch,
                                       .limit_patience = group_limit_patience,
                                       .now = group_now,
                                       .free = group_free};

LullStore *
lull_store_group_new(LullStore *take_inner, const char *group)
{
    Group *self = g_new0(Group, 1);

    self->base.ops = &group_ops;
    self->inner = take_inner;
    self->group = g_strdup(group);
    self->prefix = g_strconcat(group, "/", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        self->kinds[i] = *known[i];
        self->kinds[i].group = self->group;
    }
    return &self->base;
}
