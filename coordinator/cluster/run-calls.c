/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/run-calls.h"

#include "coordinator/cluster/subresources.h"
#include "coordinator/store/kube/url.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define PATIENCE LULL_SEC(20)

struct _LullRunCalls {
    LullKubeLink *link;
};

LullRunCalls *
lull_run_calls_new(LullKubeConfig *take_config, const LullKubeEnd *end, GError **error)
{
    LullKubeLink *link = lull_kube_link_new(take_config, error);
    LullRunCalls *self;

    if (!link)
        return NULL;
    lull_kube_link_set_end(link, end);
    self = g_new0(LullRunCalls, 1);
    self->link = link;
    return self;
}

void
lull_run_calls_free(LullRunCalls *self)
{
    if (!self)
        return;
    lull_kube_link_free(self->link);
    g_free(self);
}

/* A conflict is that it is as asked for already, or that somebody else has just asked. */
static gboolean
call(LullRunCalls *self, const LullKubeGuard *guard, const char *ns, const char *name, const char *what,
     gboolean must_exist, GError **error)
{
    g_autofree char *path = lull_url_machine_subresource(ns, name, what);
    g_autoptr(GError) problem = NULL;

    if (lull_subresources_put(self->link, path, NULL, guard, PATIENCE, &problem) ||
        lull_error_is(problem, LULL_ERROR_CONFLICT))
        return TRUE;
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
        if (!lull_subresources_served(self->link, PATIENCE, "is KubeVirt's virt-api gone?", error))
            return FALSE; /* what nobody serves is not found either, and says nothing of machines */
        if (!must_exist)
            return TRUE;
    }
    g_prefix_error(&problem, "vm %s/%s, asked to %s: ", ns, name, what);
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

gboolean
lull_run_calls_stop(LullRunCalls *self, const LullKubeGuard *guard, const char *ns, const char *name,
                    GError **error)
{
    return call(self, guard, ns, name, "stop", FALSE, error);
}

gboolean
lull_run_calls_start(LullRunCalls *self, const LullKubeGuard *guard, const char *ns, const char *name,
                     GError **error)
{
    return call(self, guard, ns, name, "start", TRUE, error);
}
