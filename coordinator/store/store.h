/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* Where the objects live: one contract, several stores (SQLite on a plain host, a cluster's API server:
 * kube/kube.h). Nothing beyond it may be relied on: no server-side apply, no garbage collection.
 *
 * Calls block (a local file, or one bounded HTTP exchange), may be made from any thread but for watches, and
 * give LULL_ERROR codes: NOT_FOUND, EXISTS, CONFLICT (resourceVersion or uid differ), INVALID, EXPIRED (a
 * watch or continue position too old), DENIED (read-only kind), LOST or TIMED_OUT (store away). Objects
 * returned are owned by the caller and never shared with the store.
 *
 * Deleting an object that has finalizers only sets deletionTimestamp; it goes when a patch removes the
 * last one. Create assigns uid, resourceVersion, creationTimestamp, generation, expands generateName,
 * and drops a status. */

typedef struct _LullStore LullStore;
typedef struct _LullWatch LullWatch;

typedef enum { LULL_PATCH_OBJECT = 0, LULL_PATCH_STATUS } LullPatchTarget;

typedef struct {
    const char *label_selector; /* "a=b,c!=d,e", or NULL */
    const char *field_selector; /* metadata.name=X, metadata.namespace=X, or NULL */
    guint limit;                /* 0: all */
    const char *continue_token; /* from the page before, or NULL */
    gboolean raw;               /* items may be text (lull_json_raw()): for who only passes them on */
} LullListOptions;

typedef enum {
    LULL_WATCH_ADDED = 0,
    LULL_WATCH_MODIFIED,
    LULL_WATCH_DELETED,
    LULL_WATCH_BOOKMARK,
    LULL_WATCH_ERROR
} LullWatchType;

/* Takes off @object, on any thread, what nobody will look at. */
typedef void (*LullTrimFunc)(LullJson *object);

typedef struct {
    const char *since;          /* resourceVersion; NULL: first what there is */
    const char *label_selector; /* as for a list, or NULL */
    const char *field_selector;
    gboolean
        urgent; /* somebody stands still meanwhile: a store far away is asked again sooner after a break */
    LullTrimFunc trim; /* objects may come without what this takes off; NULL: they come whole */
} LullWatchOptions;

/* Runs on the context given to lull_store_watch(). @object is lent; ERROR carries a Status. */
typedef void (*LullWatchFunc)(LullWatchType type, LullJson *object, gpointer user_data);

typedef struct {
    LullJson *(*get)(LullStore *self, const LullKind *kind, const char *ns, const char *name, GError **error);
    LullJson *(*get_raw)(LullStore *self, const LullKind *kind, const char *ns, const char *name,
                         GError **error); /* NULL: as get */
    LullJson *(*list)(LullStore *self, const LullKind *kind, const char *ns, const LullListOptions *options,
                      GError **error);
    LullJson *(*create)(LullStore *self, const LullKind *kind, LullJson *object, GError **error);
    LullJson *(*patch)(LullStore *self, const LullKind *kind, const char *ns, const char *name,
                       LullPatchTarget target, LullJson *patch, GError **error);
    gboolean (*remove)(LullStore *self, const LullKind *kind, const char *ns, const char *name,
                       const char *uid, GError **error);
    LullWatch *(*watch)(LullStore *self, const LullKind *kind, const char *ns,
                        const LullWatchOptions *options, GMainContext *context, LullWatchFunc func,
                        gpointer user_data, GError **error);
    void (*watch_stop)(LullWatch *watch);
    void (*limit_patience)(LullStore *self, gint64 patience); /* NULL: nobody far away is waited for */
    gint64 (*now)(LullStore *self);                           /* NULL: it is on this machine */
    void (*free)(LullStore *self);
} LullStoreOps;

struct _LullStore {
    const LullStoreOps *ops;
};
struct _LullWatch {
    LullStore *store;
};

LullJson *lull_store_get(LullStore *self, const LullKind *kind, const char *ns, const char *name,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same for who only passes it on: it may be text (lull_json_raw()). */
LullJson *lull_store_get_raw(LullStore *self, const LullKind *kind, const char *ns, const char *name,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* {"metadata":{"resourceVersion","continue"?,"remainingItemCount"?},"items":[...]}; @options may be NULL. @ns
 * NULL: all. */
LullJson *lull_store_list(LullStore *self, const LullKind *kind, const char *ns,
                          const LullListOptions *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Shows @func all of them, page by page, so that never more than a page of them is there. Each is lent. One
 * may be shown twice: where pages expire under way it begins again. FALSE: some may have been shown. */
typedef void (*LullEachFunc)(LullJson *object, gpointer user_data);
gboolean lull_store_each(LullStore *self, const LullKind *kind, const char *ns, const char *label_selector,
                         LullEachFunc func, gpointer user_data, GError **error);

LullJson *lull_store_create(LullStore *self, const LullKind *kind, LullJson *object,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Merge patch (RFC 7386). A metadata.resourceVersion in it is a precondition. OBJECT leaves status alone,
 * STATUS changes nothing else. A patch that changes nothing leaves the resourceVersion. */
LullJson *lull_store_patch(LullStore *self, const LullKind *kind, const char *ns, const char *name,
                           LullPatchTarget target, LullJson *patch, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* @uid: NULL, or only this very object; lull_meta_seen(): only as it was seen. CONFLICT: it is not that. */
gboolean lull_store_remove(LullStore *self, const LullKind *kind, const char *ns, const char *name,
                           const char *uid, GError **error);

/* Events after resourceVersion @since (NULL: first an ADDED for everything there is, now or soon). EXPIRED
 * when
 * @since is too old, or yet to come (the store is another one); a store that is far away may tell so by the
 * first event, an ERROR. Events come in order, none is lost; a consumer that lags too far gets ERROR and
 * nothing after it. An object that went while the store was away may be told as one with name, namespace and
 * uid only. The handle is the caller's until lull_watch_stop(), which must come before the store is freed.
 * To be called on @context's thread (NULL: the default one's): after NULL the function is never called. */
LullWatch *lull_store_watch(LullStore *self, const LullKind *kind, const char *ns, const char *since,
                            GMainContext *context, LullWatchFunc func, gpointer user_data,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same of the objects that are selected: one that starts to match is ADDED, one that stops DELETED, also
 * where that happened between @since and now. INVALID: a selector is not understood. */
LullWatch *
lull_store_watch_selected(LullStore *self, const LullKind *kind, const char *ns,
                          const LullWatchOptions *options, GMainContext *context, LullWatchFunc func,
                          gpointer user_data, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_watch_stop(LullWatch *watch); /* on the context's thread; no call of the function after it */

/* From now on no call waits longer for a store that is far away; it is never made longer. */
void lull_store_limit_patience(LullStore *self, gint64 patience);

/* What time it is where the objects' times come from. Wall clock, usec; within two seconds of a clock of
 * another machine. */
gint64 lull_store_now(LullStore *self);

void lull_store_free(LullStore *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullStore, lull_store_free)

/* The local store: one SQLite file (WAL). Refuses a file that is corrupt, newer, or held by another
 * coordinator. Kinds whose backing is another store are added to a LullStoreSet. */
LullStore *lull_store_local_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* One store made of several, chosen by kind; owns them. */
LullStore *lull_store_set_new(LullStore *fallback) G_GNUC_WARN_UNUSED_RESULT;
void lull_store_set_add(LullStore *self, const LullKind *kind, LullStore *take_store);

G_END_DECLS
