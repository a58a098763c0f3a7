/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/freeze-calls.h"

#include "coordinator/store/kube/link.h"
#include "coordinator/store/kube/url.h"
#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/names.h"

#define SERVED "/apis/" LULL_GROUP_SUBRESOURCES "/v1"

struct _LullFreezeCalls {
    LullKubeLink *link;
    LullFreezeApi api;
};

static gboolean
ask(const LullFreezeCalls *self, const LullKubeRequest *request, GError **error)
{
    g_autoptr(LullJson) answer = lull_kube_link_request(self->link, request, NULL, error);

    return answer != NULL;
}

/* What it serves, which anybody may ask for. @remedy: what to do where it is not served. */
static gboolean
check_served(const LullFreezeCalls *self, gint64 patience, const char *remedy, GError **error)
{
    const LullKubeRequest request = {
        .method = "GET", .path = SERVED, .repeatable = TRUE, .wordless = TRUE, .patience = patience};
    g_autoptr(GError) problem = NULL;

    if (ask(self, &request, &problem))
        return TRUE;
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED, "this cluster does not serve " SERVED ": %s",
                    remedy);
    else
        g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* The freeze then has a connection that is open. */
static gboolean
check(gpointer data, gint64 patience, GError **error)
{
    return check_served(data, patience, "start the coordinator without --stock-freeze=kubevirt", error);
}

static gboolean
freeze(gpointer data, const char *ns, const char *name, gint64 seconds, gint64 patience, GError **error)
{
    g_autofree char *path = lull_url_subresource(ns, name, "freeze");
    g_autofree char *timer = g_strdup_printf("%" G_GINT64_FORMAT "s", seconds);
    g_autoptr(LullJson) body = json_object_new_object();
    const LullKubeRequest request = {.method = "PUT",
                                     .path = path,
                                     .content_type = "application/json",
                                     .body = body,
                                     .wordless = TRUE,
                                     .patience = patience};

    lull_json_set_string(body, "unfreezeTimeout", timer);
    return ask(data, &request, error);
}

static gboolean
unfreeze(gpointer data, const char *ns, const char *name, gint64 patience, GError **error)
{
    g_autofree char *path = lull_url_subresource(ns, name, "unfreeze");
    const LullKubeRequest request = {
        .method = "PUT", .path = path, .repeatable = TRUE, .wordless = TRUE, .patience = patience};
    g_autoptr(GError) problem = NULL;

    if (ask(data, &request, &problem))
        return TRUE;
    if (lull_error_is(problem, LULL_ERROR_CONFLICT)) /* its instance is there, and has ended */
        problem->code = LULL_ERROR_NOT_FOUND;
    else if (lull_error_is(problem, LULL_ERROR_NOT_FOUND) &&
             !check_served(data, patience, "is KubeVirt's virt-api gone?", error))
        return FALSE; /* what nobody serves is not found either, and says nothing of machines */
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

LullFreezeCalls *
lull_freeze_calls_new(LullKubeConfig *take_config, LullFreezeUse use, GError **error)
{
    LullKubeLink *link = lull_kube_link_new(take_config, error);
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
