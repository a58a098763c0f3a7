/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/kube.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/kube/link.h"
#include "coordinator/store/kube/streams.h"
#include "coordinator/store/kube/url.h"
#include "coordinator/store/selector.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define JSON        "application/json"
#define MERGE_PATCH "application/merge-patch+json"

#define MAX_PENDING 4096
#define FIRST_WAIT  LULL_SEC(10)
#define MAX_PAGES   20000

typedef struct {
    LullStore base;
    LullKubeLink *link;
    LullKubeStreams *streams;
    guint max_pending;
} Kube;

typedef struct {
    LullWatch base;
    LullMailbox *mailbox;
    LullStream *stream;
} Watch;

/* A kind without namespaces is not to get one. */
static const char *
place(const LullKind *kind, const char *ns)
{
    return kind->cluster_scoped ? NULL : ns;
}

static void
strip(LullJson *object)
{
    json_object_object_del(lull_json_object(object, "metadata"), "managedFields");
}

static LullJson *
stripped(LullJson *take_object)
{
    if (take_object)
        strip(take_object);
    return take_object;
}

static LullJson *
kube_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    Kube *self = (Kube *)store;
    g_autofree char *path = lull_url_object(kind, place(kind, ns), name);
    const LullKubeRequest request = {.method = "GET", .path = path, .repeatable = TRUE};

    return stripped(lull_kube_link_request(self->link, &request, NULL, error));
}

/* The items of a list leave out what is the same for all. */
static void
complete_items(const LullKind *kind, LullJson *items)
{
    g_autofree char *api_version = lull_kind_api_version(kind);

    for (gsize i = 0; i < json_object_array_length(items); i++) {
        LullJson *item = json_object_array_get_idx(items, i);

        if (!json_object_is_type(item, json_type_object))
            continue;
        strip(item);
        if (!lull_json_string(item, "kind", NULL)) {
            lull_json_set_string(item, "apiVersion", api_version);
            lull_json_set_string(item, "kind", kind->kind);
        }
    }
}

static LullJson *
get_page(Kube *self, const LullKind *kind, const char *ns, const LullUrlQuery *query, GError **error)
{
    g_autofree char *collection = lull_url_object(kind, place(kind, ns), NULL);
    g_autofree char *path = lull_url_query(collection, query);
    const LullKubeRequest request = {.method = "GET", .path = path, .repeatable = TRUE};
    g_autoptr(LullJson) page = lull_kube_link_request(self->link, &request, NULL, error);
    LullJson *items = lull_json_array(page, "items");
    LullJson *metadata = lull_json_object(page, "metadata");

    if (!page)
        return NULL;
    if (!items || !metadata) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "GET %s: the answer is no list", path);
        return NULL;
    }
    if (!*lull_json_string(metadata, "continue", ""))
        json_object_object_del(metadata, "continue"); /* the last page of some says so with an empty one */
    complete_items(kind, items);
    return g_steal_pointer(&page);
}

/* Adds the pages after the first to it. */
static gboolean
add_pages(Kube *self, const LullKind *kind, const char *ns, LullUrlQuery *query, LullJson *all,
          GError **error)
{
    LullJson *items = lull_json_array(all, "items");
    g_autofree char *token = g_strdup(lull_json_string(lull_json_object(all, "metadata"), "continue", ""));

    for (guint i = 1; *token; i++) {
        query->continue_token = token;
        g_autoptr(LullJson) page = get_page(self, kind, ns, query, error);
        LullJson *more = lull_json_array(page, "items");
        if (!page)
            return FALSE;
        if (i >= MAX_PAGES) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: the list does not end", kind->plural);
            return FALSE;
        }
        for (gsize k = 0; k < json_object_array_length(more); k++)
            json_object_array_add(items, json_object_get(json_object_array_get_idx(more, k)));
        g_free(token);
        token = g_strdup(lull_json_string(lull_json_object(page, "metadata"), "continue", ""));
    }
    json_object_object_del(lull_json_object(all, "metadata"), "continue");
    json_object_object_del(lull_json_object(all, "metadata"), "remainingItemCount");
    return TRUE;
}

static LullJson *
kube_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
          GError **error)
{
    Kube *self = (Kube *)store;
    LullUrlQuery query = {
        .label_selector = options->label_selector,
        .field_selector = options->field_selector,
        .limit = options->limit ? options->limit : LULL_KUBE_PAGE,
        .continue_token = options->continue_token,
    };
    g_autoptr(LullSelector) selector =
        lull_selector_new(kind, options->label_selector, options->field_selector, error);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) list = NULL;

    if (!selector)
        return NULL;
    list = get_page(self, kind, ns, &query, error);
    if (!list || options->limit || add_pages(self, kind, ns, &query, list, &problem))
        return g_steal_pointer(&list);
    if (!lull_error_is(problem, LULL_ERROR_EXPIRED) || options->continue_token) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    query.limit = 0; /* pages that expire under way: all at once */
    query.continue_token = NULL;
    return get_page(self, kind, ns, &query, error);
}

/* Without vowels and look-alikes, as servers do it; they could not be asked twice. */
static void
expand_name(LullJson *metadata)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    const char *prefix = lull_json_string(metadata, "generateName", NULL);

    if (!prefix || lull_json_string(metadata, "name", NULL))
        return;
    g_autoptr(GString) name = g_string_new_len(prefix, (gssize)MIN(strlen(prefix), 253 - 5));
    for (guint i = 0; i < 5; i++)
        g_string_append_c(name, alphabet[g_random_int_range(0, sizeof alphabet - 1)]);
    lull_json_set_string(metadata, "name", name->str);
}

/* What a server drops of an object whose fields we know would be lost without a word: it is older than we
 * are. */
static char *
write_path(const LullKind *kind, char *take_path)
{
    const LullUrlQuery query = {.strict = kind->spec != NULL};
    g_autofree char *path = take_path;

    return lull_url_query(path, &query);
}

static LullJson *
post(Kube *self, const LullKind *kind, LullJson *object, gboolean dry_run, GError **error)
{
    const LullUrlQuery query = {.strict = kind->spec != NULL, .dry_run = dry_run};
    g_autoptr(LullJson) copy = lull_json_dup(object);
    LullJson *metadata = lull_json_ensure(copy, "metadata");
    const char *asked = lull_meta_namespace(object);
    const char *ns = place(kind, asked ? asked : lull_kube_link_config(self->link)->ns);
    g_autofree char *api_version = lull_kind_api_version(kind);
    g_autofree char *collection = lull_url_object(kind, ns, NULL);
    g_autofree char *path = lull_url_query(collection, &query);

    lull_json_set_string(copy, "apiVersion", api_version);
    lull_json_set_string(copy, "kind", kind->kind);
    lull_json_set_string(metadata, "namespace", ns);
    json_object_object_del(metadata, "resourceVersion");
    json_object_object_del(metadata, "uid");
    if (!kind->fields)
        json_object_object_del(copy, "status");
    expand_name(metadata);

    const LullKubeRequest request = {
        .method = "POST", .path = path, .content_type = JSON, .body = copy, .repeatable = dry_run};
    return stripped(lull_kube_link_request(self->link, &request, NULL, error));
}

static LullJson *
kube_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    return post((Kube *)store, kind, object, FALSE, error);
}

/* A merge patch may happen twice: the second changes nothing, or is the conflict that the caller reads again
 * after. */
static LullJson *
kube_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
           LullJson *patch, GError **error)
{
    Kube *self = (Kube *)store;
    g_autofree char *path =
        write_path(kind, target == LULL_PATCH_STATUS ? lull_url_status(kind, place(kind, ns), name)
                                                     : lull_url_object(kind, place(kind, ns), name));
    const LullKubeRequest request = {
        .method = "PATCH", .path = path, .content_type = MERGE_PATCH, .body = patch, .repeatable = TRUE};

    return stripped(lull_kube_link_request(self->link, &request, NULL, error));
}

static gboolean
kube_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
            GError **error)
{
    Kube *self = (Kube *)store;
    g_autofree char *path = lull_url_object(kind, place(kind, ns), name);
    g_autoptr(LullJson) options = json_object_new_object();
    g_autoptr(GError) problem = NULL;
    gboolean repeated = FALSE;

    lull_json_set_string(options, "apiVersion", "v1");
    lull_json_set_string(options, "kind", "DeleteOptions");
    lull_json_set_string(options, "propagationPolicy", "Background");
    if (uid)
        lull_json_take(options, "preconditions", lull_meta_preconditions(uid));
    const LullKubeRequest request = {
        .method = "DELETE", .path = path, .content_type = JSON, .body = options, .repeatable = TRUE};
    g_autoptr(LullJson) answer = lull_kube_link_request(self->link, &request, &repeated, &problem);
    if (answer || (repeated && lull_error_is(problem, LULL_ERROR_NOT_FOUND)))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static LullWatch *
kube_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
           GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    Kube *self = (Kube *)store;
    g_autoptr(LullSelector) selector =
        lull_selector_new(kind, options->label_selector, options->field_selector, error);
    const LullStreamOptions stream_options = {.kind = kind,
                                              .ns = place(kind, ns),
                                              .label_selector = options->label_selector,
                                              .field_selector = options->field_selector,
                                              .since = options->since,
                                              .urgent = options->urgent,
                                              .trim = options->trim};
    g_autoptr(LullMailbox) mailbox = lull_mailbox_new(self->max_pending, context, func, user_data);
    LullStream *stream = NULL;
    Watch *watch;

    if (selector)
        stream = lull_kube_streams_add(self->streams, &stream_options, mailbox,
                                       options->since ? FIRST_WAIT : 0, error);
    if (!stream) {
        lull_mailbox_stop(mailbox); /* the stream may be about to tell of the refusal too */
        return NULL;
    }
    watch = g_new0(Watch, 1);
    watch->base.store = store;
    watch->mailbox = g_steal_pointer(&mailbox);
    watch->stream = stream;
    return &watch->base;
}

static void
kube_watch_stop(LullWatch *base)
{
    Watch *watch = (Watch *)base;
    Kube *self = (Kube *)base->store;

    lull_mailbox_stop(watch->mailbox);
    lull_kube_streams_remove(self->streams, watch->stream);
    lull_mailbox_unref(watch->mailbox);
    g_free(watch);
}

static void
kube_limit_patience(LullStore *store, gint64 patience)
{
    lull_kube_link_limit_patience(((Kube *)store)->link, patience);
}

static gint64
kube_now(LullStore *store)
{
    return lull_clock_realtime() + lull_kube_link_skew(((Kube *)store)->link);
}

static void
kube_free(LullStore *store)
{
    Kube *self = (Kube *)store;

    lull_kube_streams_free(self->streams);
    lull_kube_link_free(self->link);
    g_free(self);
}

static const LullStoreOps kube_ops = {
    .get = kube_get,
    .list = kube_list,
    .create = kube_create,
    .patch = kube_patch,
    .remove = kube_remove,
    .watch = kube_watch,
    .watch_stop = kube_watch_stop,
    .limit_patience = kube_limit_patience,
    .now = kube_now,
    .free = kube_free,
};

LullJson *
lull_store_kube_try_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    return post((Kube *)store, kind, object, TRUE, error);
}

LullStore *
lull_store_kube_new_with(LullKubeConfig *take_config, const LullKubeLimits *limits, GError **error)
{
    LullKubeLink *link = lull_kube_link_new(take_config, error);
    Kube *self;

    if (!link)
        return NULL;
    if (limits->patience > 0)
        lull_kube_link_set_patience(link, limits->patience);
    lull_kube_link_set_metrics(link, limits->metrics);
    lull_kube_link_set_end(link, limits->end);
    self = g_new0(Kube, 1);
    self->base.ops = &kube_ops;
    self->link = link;
    self->streams = lull_kube_streams_new(link);
    self->max_pending = limits->max_pending ? limits->max_pending : MAX_PENDING;
    return &self->base;
}

LullStore *
lull_store_kube_new(LullKubeConfig *take_config, GError **error)
{
    static const LullKubeLimits usual = {0};

    return lull_store_kube_new_with(take_config, &usual, error);
}
