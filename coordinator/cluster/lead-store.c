/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/lead-store.h"

#include "protocol/error.h"

typedef struct {
    LullStore base;
    LullStore *inner;
    LullLeader *leader;
} Lead;

gboolean
lull_store_lead_may(gpointer leader, GError **error)
{
    if (lull_leader_leads(leader, NULL))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "another coordinator leads");
    return FALSE;
}

static LullJson *
lead_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    return lull_store_get(((Lead *)store)->inner, kind, ns, name, error);
}

static LullJson *
lead_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
          GError **error)
{
    return lull_store_list(((Lead *)store)->inner, kind, ns, options, error);
}

static LullJson *
lead_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    const Lead *self = (const Lead *)store;

    return lull_store_lead_may(self->leader, error) ? lull_store_create(self->inner, kind, object, error)
                                                    : NULL;
}

static LullJson *
lead_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
           LullJson *patch, GError **error)
{
    const Lead *self = (const Lead *)store;

    return lull_store_lead_may(self->leader, error)
               ? lull_store_patch(self->inner, kind, ns, name, target, patch, error)
               : NULL;
}

static gboolean
lead_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
            GError **error)
{
    const Lead *self = (const Lead *)store;

    return lull_store_lead_may(self->leader, error) &&
           lull_store_remove(self->inner, kind, ns, name, uid, error);
}

static LullWatch *
lead_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
           GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    return lull_store_watch_selected(((Lead *)store)->inner, kind, ns, options, context, func, user_data,
                                     error);
}

static gint64
lead_now(LullStore *store)
{
    return lull_store_now(((Lead *)store)->inner);
}

static void
lead_free(LullStore *store)
{
    g_free(store);
}

static const LullStoreOps lead_ops = {.get = lead_get,
                                      .list = lead_list,
                                      .create = lead_create,
                                      .patch = lead_patch,
                                      .remove = lead_remove,
                                      .watch = lead_watch,
                                      .now = lead_now,
                                      .free = lead_free};

LullStore *
lull_store_lead_new(LullStore *inner, LullLeader *leader)
{
    Lead *self = g_new0(Lead, 1);

    self->base.ops = &lead_ops;
    self->inner = inner;
    self->leader = leader;
    return &self->base;
}
