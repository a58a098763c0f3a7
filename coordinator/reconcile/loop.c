/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/loop.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/queue.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define MAX_KINDS 7 /* its own, those it depends on, and what it owns */

static const LullBackoff pass_backoff = {LULL_MSEC(20), LULL_SEC(60), 0.3};

typedef struct {
    LullLoop *loop;
    const LullKind *kind;
    LullWatch *watch;
    GSource *restart;
} Watched;

struct _LullLoop {
    LullStore *store;
    LullReconciler reconciler;
    LullQueue *queue;
    GThread *worker;
    LullMetrics *metrics;
    LullSeeFunc see;
    LullSeries *worked;
    GMainContext *context;
    Watched watched[MAX_KINDS];
    guint n_watched;
    GHashTable *refs;     /* key -> GStrv; only on the watches' context, like the next */
    GHashTable *by_ref;   /* ref -> set of keys */
    GHashTable *sights;   /* ref -> what was seen of it last, where that is all that matters */
    GHashTable *problems; /* key -> last message logged; only on the worker */
};

char *
lull_loop_ref(const LullKind *kind, const char *ns, const char *name)
{
    return g_strconcat(kind->plural, "/", ns, "/", name, NULL);
}

LullLoop *
lull_loop_new(LullStore *store, const LullReconciler *reconciler)
{
    LullLoop *self = g_new0(LullLoop, 1);

    self->store = store;
    self->reconciler = *reconciler;
    self->queue = lull_queue_new(pass_backoff);
    self->refs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev);
    self->by_ref = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
    self->sights = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->problems = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return self;
}

void
lull_loop_set_metrics(LullLoop *self, LullMetrics *metrics, LullSeeFunc see)
{
    const LullQueueSeries series = lull_metrics_queue(metrics, self->reconciler.name);

    self->metrics = metrics;
    self->see = metrics ? see : NULL;
    self->worked = series.worked;
    lull_queue_set_series(self->queue, &series);
}

static void
index_forget(LullLoop *self, const char *key)
{
    const GStrv refs = g_hash_table_lookup(self->refs, key);

    for (gsize i = 0; refs && refs[i]; i++) {
        GHashTable *keys = g_hash_table_lookup(self->by_ref, refs[i]);

        if (!keys)
            continue;
        g_hash_table_remove(keys, key);
        if (g_hash_table_size(keys) == 0)
            g_hash_table_remove(self->by_ref, refs[i]);
    }
    g_hash_table_remove(self->refs, key);
}

static void
index_set(LullLoop *self, const char *key, GStrv take_refs)
{
    index_forget(self, key);
    for (gsize i = 0; take_refs && take_refs[i]; i++) {
        GHashTable *keys = g_hash_table_lookup(self->by_ref, take_refs[i]);

        if (!keys) {
            keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
            g_hash_table_insert(self->by_ref, g_strdup(take_refs[i]), keys);
        }
        g_hash_table_add(keys, g_strdup(key));
    }
    g_hash_table_insert(self->refs, g_strdup(key), take_refs);
}

static void
add_all(LullLoop *self, GHashTable *keys)
{
    GHashTableIter iter;
    gpointer key = NULL;

    g_hash_table_iter_init(&iter, keys);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        lull_queue_add(self->queue, key);
}

static void
poke_dependents(LullLoop *self, const LullKind *kind, const char *ns, const char *name)
{
    g_autofree char *ref = lull_loop_ref(kind, ns, name);
    GHashTable *keys = g_hash_table_lookup(self->by_ref, ref);

    if (keys)
        add_all(self, keys);
}

static gboolean
is_news(LullLoop *self, const LullKind *kind, const char *ns, LullJson *object, gboolean deleted)
{
    const LullSightFunc sight = self->reconciler.sight;
    const char *seen = sight && !deleted ? sight(kind, object) : NULL;
    g_autofree char *ref = lull_loop_ref(kind, ns, lull_meta_name(object));

    if (!seen) {
        g_hash_table_remove(self->sights, ref);
        return TRUE;
    }
    if (g_strcmp0(g_hash_table_lookup(self->sights, ref), seen) == 0)
        return FALSE;
    g_hash_table_insert(self->sights, g_steal_pointer(&ref), (gpointer)seen);
    return TRUE;
}

/* What still has a finalizer is as good as gone. */
static void
poke_owner(LullLoop *self, LullWatchType type, LullJson *object)
{
    const char *ns = lull_meta_namespace(object);
    const char *owner = lull_json_string(lull_meta_owner(object), "name", NULL);

    if (ns && owner && lull_name_is_valid(owner) &&
        (type == LULL_WATCH_DELETED || lull_meta_is_deleting(object)))
        lull_loop_poke(self, ns, owner);
}

static void watch_later(Watched *watched);

static void
on_event(LullWatchType type, LullJson *object, gpointer user_data)
{
    Watched *watched = user_data;
    LullLoop *self = watched->loop;
    const char *ns = lull_meta_namespace(object), *name = lull_meta_name(object);
    g_autofree char *key = NULL;

    if (type == LULL_WATCH_ERROR)
        watch_later(watched);
    if (type == LULL_WATCH_ERROR || type == LULL_WATCH_BOOKMARK || !name)
        return;
    if (watched->kind == self->reconciler.owned) {
        poke_owner(self, type, object);
        return;
    }
    if (watched->kind != self->reconciler.kind) {
        if (!is_news(self, watched->kind, ns ? ns : "", object, type == LULL_WATCH_DELETED))
            return;
        poke_dependents(self, watched->kind, ns ? ns : "", name);
        poke_dependents(self, watched->kind, ns ? ns : "", LULL_LOOP_ANY);
        return;
    }
    if (!ns)
        return;
    if (self->see)
        self->see(self->metrics, object, type == LULL_WATCH_DELETED);
    key = g_strconcat(ns, "/", name, NULL);
    if (type == LULL_WATCH_DELETED)
        index_forget(self, key);
    else
        index_set(self, key, self->reconciler.refs(object));
    lull_queue_add(self->queue, key);
}

/* Of what others depend on nothing is looked at but which it is, unless somebody has a sight of it. */
static LullTrimFunc
trim_of(const Watched *watched)
{
    const LullReconciler *reconciler = &watched->loop->reconciler;

    if (watched->kind == reconciler->kind)
        return reconciler->trim;
    if (watched->kind == reconciler->owned)
        return lull_meta_trim_owned;
    return reconciler->sight ? NULL : lull_meta_trim;
}

static gboolean
watch_begin(Watched *watched, GError **error)
{
    LullLoop *self = watched->loop;
    const gboolean ours = watched->kind == self->reconciler.kind || watched->kind == self->reconciler.owned;
    const LullWatchOptions options = {.label_selector = ours ? self->reconciler.selector : NULL,
                                      .trim = trim_of(watched)};

    watched->watch = lull_store_watch_selected(self->store, watched->kind, NULL, &options, self->context,
                                               on_event, watched, error);
    return watched->watch != NULL;
}

static gboolean
is_of_kind(gpointer ref, gpointer value, gpointer plural)
{
    const gsize length = strlen(plural);

    return strncmp(ref, plural, length) == 0 && ((const char *)ref)[length] == '/';
}

/* Of what others depend on nothing is kept but how it looked: all who depend on that kind look for
 * themselves. */
static void
poke_all_dependents(LullLoop *self, const LullKind *kind)
{
    GHashTableIter iter;
    gpointer ref = NULL, keys = NULL;

    g_hash_table_foreach_remove(self->sights, is_of_kind, (gpointer)kind->plural);
    g_hash_table_iter_init(&iter, self->by_ref);
    while (g_hash_table_iter_next(&iter, &ref, &keys))
        if (is_of_kind(ref, NULL, (gpointer)kind->plural))
            add_all(self, keys);
}

/* What went while nobody listened is told by nobody: so all are taken for gone, until they are told anew. */
static void
forget_all(Watched *watched)
{
    LullLoop *self = watched->loop;
    g_autoptr(GList) keys = g_hash_table_get_keys(self->refs);

    if (watched->kind != self->reconciler.kind) {
        poke_all_dependents(self, watched->kind);
        return;
    }
    for (GList *each = keys; each; each = each->next) {
        g_auto(GStrv) parts = g_strsplit(each->data, "/", 2);
        g_autoptr(LullJson) gone = json_object_new_object();
        LullJson *meta = lull_json_ensure(gone, "metadata");

        lull_json_set_string(meta, "namespace", parts[0]);
        lull_json_set_string(meta, "name", parts[1]);
        on_event(LULL_WATCH_DELETED, gone, watched);
    }
}

static gboolean
on_restart(gpointer user_data)
{
    Watched *watched = user_data;
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&watched->watch, lull_watch_stop);
    forget_all(watched);
    if (!watch_begin(watched, &error)) {
        g_warning("%s: cannot watch %s, trying again: %s", watched->loop->reconciler.name,
                  watched->kind->plural, error->message);
        return G_SOURCE_CONTINUE;
    }
    g_clear_pointer(&watched->restart, g_source_unref);
    return G_SOURCE_REMOVE;
}

/* A watch that lagged, or whose store went away: once more from the beginning. */
static void
watch_later(Watched *watched)
{
    if (watched->restart)
        return;
    watched->restart = g_timeout_source_new(100);
    g_source_set_callback(watched->restart, on_restart, watched, NULL);
    g_source_attach(watched->restart, watched->loop->context);
}

/* A problem that stays the same is told once. */
static void
note_problem(LullLoop *self, const char *key, const char *problem)
{
    const char *last = g_hash_table_lookup(self->problems, key);

    if (!problem) {
        g_hash_table_remove(self->problems, key);
    } else if (!last || !g_str_equal(last, problem)) {
        g_warning("%s %s: %s", self->reconciler.name, key, problem);
        g_hash_table_insert(self->problems, g_strdup(key), g_strdup(problem));
    }
}

static void
pass_over(LullLoop *self, const char *key)
{
    g_auto(GStrv) parts = g_strsplit(key, "/", 2);
    g_autoptr(GError) error = NULL;
    LullPass pass = {0};

    if (!self->reconciler.pass(self->reconciler.user_data, parts[0], parts[1], &pass, &error)) {
        if (lull_error_is(error, LULL_ERROR_CONFLICT)) {
            lull_queue_add_after(self->queue, key, LULL_MSEC(5));
            return;
        }
        note_problem(self, key, error->message);
        lull_queue_retry(self->queue, key);
        return;
    }
    if (!pass.pending) {
        note_problem(self, key, NULL);
        lull_queue_forget(self->queue, key);
    }
    if (pass.acted)
        lull_queue_add(self->queue, key);
    else if (pass.again_usec > 0)
        lull_queue_add_after(self->queue, key, pass.again_usec);
}

static gpointer
work(gpointer data)
{
    LullLoop *self = data;
    char *key = NULL;

    while ((key = lull_queue_take(self->queue))) {
        const gint64 begun = g_get_monotonic_time();

        pass_over(self, key);
        lull_series_observe(self->worked, g_get_monotonic_time() - begun);
        lull_queue_done(self->queue, key);
        g_free(key);
    }
    return NULL;
}

gboolean
lull_loop_start(LullLoop *self, GMainContext *context, GError **error)
{
    self->context = g_main_context_ref(context);
    self->watched[self->n_watched++] = (Watched){self, self->reconciler.kind, NULL, NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(self->reconciler.also) && self->reconciler.also[i]; i++)
        self->watched[self->n_watched++] = (Watched){self, self->reconciler.also[i], NULL, NULL};
    if (self->reconciler.owned)
        self->watched[self->n_watched++] = (Watched){self, self->reconciler.owned, NULL, NULL};
    for (guint i = 0; i < self->n_watched; i++)
        if (!watch_begin(&self->watched[i], error))
            return FALSE;
    self->worker = g_thread_new(self->reconciler.name, work, self);
    return TRUE;
}

void
lull_loop_poke(LullLoop *self, const char *ns, const char *name)
{
    g_autofree char *key = g_strconcat(ns, "/", name, NULL);

    lull_queue_add(self->queue, key);
}

void
lull_loop_poke_key(const char *key, gpointer user_data)
{
    LullLoop *self = user_data;

    lull_queue_add(self->queue, key);
}

void
lull_loop_stop(LullLoop *self)
{
    for (guint i = 0; i < self->n_watched; i++) {
        if (self->watched[i].restart)
            g_source_destroy(self->watched[i].restart);
        g_clear_pointer(&self->watched[i].restart, g_source_unref);
        g_clear_pointer(&self->watched[i].watch, lull_watch_stop);
    }
    lull_queue_close(self->queue);
}

void
lull_loop_free(LullLoop *self)
{
    if (!self)
        return;
    lull_loop_stop(self);
    if (self->worker)
        g_thread_join(self->worker);
    lull_queue_free(self->queue);
    g_hash_table_unref(self->refs);
    g_hash_table_unref(self->by_ref);
    g_hash_table_unref(self->sights);
    g_hash_table_unref(self->problems);
    g_clear_pointer(&self->context, g_main_context_unref);
    g_free(self);
}
