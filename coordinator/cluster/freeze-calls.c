/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/freeze-calls.h"

#include "coordinator/cluster/subresources.h"
#include "coordinator/store/kube/url.h"
#include "protocol/error.h"

struct _LullFreezeCalls {
    LullKubeLink *link;
    LullFreezeApi api;
};

/* The freeze then has a connection that is open. */
static gboolean
check(gpointer data, gint64 patience, GError **error)
{
    const LullFreezeCalls *self = data;

    return lull_subresources_served(self->link, patience,
                                    "start the coordinator without --stock-freeze=kubevirt", error);
}

static gboolean
freeze(gpointer data, const char *ns, const char *name, gint64 seconds, gint64 patience, GError **error)
{
    const LullFreezeCalls *self = data;
    g_autofree char *path = lull_url_subresource(ns, name, "freeze");
    g_autofree char *timer = g_strdup_printf("%" G_GINT64_FORMAT "s", seconds);
    g_autoptr(LullJson) body = json_object_new_object();

    lull_json_set_string(body, "unfreezeTimeout", timer);
    return lull_subresources_put(self->link, path, body, NULL, patience, error);
}

static gboolean
unfreeze(gpointer data, const char *ns, const char *name, gint64 patience, GError **error)
{
    const LullFreezeCalls *self = data;
    g_autofree char *path = lull_url_subresource(ns, name, "unfreeze");
    g_autoptr(GError) problem = NULL;

    if (lull_subresources_put(self->link, path, NULL, NULL, patience, &problem))
        return TRUE;
    if (lull_error_is(problem, LULL_ERROR_CONFLICT)) /* its instance is there, and has ended */
        problem->code = LULL_ERROR_NOT_FOUND;
    else if (lull_error_is(problem, LULL_ERROR_NOT_FOUND) &&
             !lull_subresources_served(self->link, patience, "is KubeVirt's virt-api gone?", error))
        return FALSE; /* what nobody serves is not found either, and says nothing of machines */
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

LullFreezeCalls *
lull_freeze_calls_new(LullKubeConfig *take_config, LullFreezeUse use, GError **error)
{
    LullKubeLink *link = lull_kube_link_new(take_config, error); /* without an end: release comes first */
    LullFreezeCalls *self;

    if (!link)
        return NULL;
    self = g_new0(LullFreezeCalls, 1);
    self->link = link;
    self->api = (LullFreezeApi){use, check, freeze, unfreeze, self};
    return self;
}

void
lull_freeze_calls_free(LullFreezeCalls *self)
{
    if (!self)
        return;
    lull_kube_link_free(self->link);
    g_free(self);
}

const LullFreezeApi *
lull_freeze_calls_api(const LullFreezeCalls *self)
{
    return &self->api;
}
