/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/local/local.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/feed.h"
#include "coordinator/store/local/database.h"
#include "coordinator/store/local/page.h"
#include "coordinator/store/object.h"
#include "coordinator/store/selector.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define LOG_EVENTS         8192
#define LOG_BYTES          (64 * 1024 * 1024)
#define MAX_PENDING        4096
#define FIRST_VERSION      1 /* of a store in which nothing ever happened */
#define GENERATED_ATTEMPTS 8

typedef struct {
    LullStore base;
    LullLocalLimits limits;
    LullFeed *feed;
    GMutex lock; /* guards all below */
    LullDatabase *database;
    gint64 first;   /* oldest version in the log, 0: the log is empty */
    gint64 version; /* of the last change */
    gint64 log_events;
    gint64 log_bytes;
} Local;

/* One change, on its way into the file. */
typedef struct {
    LullSql sql; /* INSERT, UPDATE or DELETE */
    LullWatchType type;
} Change;

static const Change creation = {LULL_SQL_INSERT, LULL_WATCH_ADDED};
static const Change update = {LULL_SQL_UPDATE, LULL_WATCH_MODIFIED};
static const Change removal = {LULL_SQL_DELETE, LULL_WATCH_DELETED};

/* A kind's key in the file; lent by the table of kinds, whose groups hold each plural once. */
static const char *
key_of(const LullKind *kind)
{
    return kind->plural;
}

static LullJson *
object_of(const char *body, gboolean raw, GError **error)
{
    return raw ? lull_json_raw(body) : lull_json_parse(body, -1, error);
}

static LullJson *
read_object(Local *self, const LullKind *kind, const char *ns, const char *name, gboolean raw, GError **error)
{
    sqlite3_stmt *statement = lull_database_use(self->database, LULL_SQL_GET, "sss", key_of(kind), ns, name);
    LullJson *object = NULL;
    gboolean row = FALSE;

    if (!lull_database_step(self->database, statement, &row, error))
        return NULL;
    if (!row) {
        lull_object_not_found(kind, name, error);
        return NULL;
    }
    object = object_of((const char *)sqlite3_column_text(statement, 0), raw, error);
    (void)sqlite3_reset(statement);
    return object;
}

/* @ret_last: the newest version in the log, which is the store's. */
static gboolean
read_log_bounds(Local *self, gint64 *ret_last, GError **error)
{
    sqlite3_stmt *statement = lull_database_use(self->database, LULL_SQL_LOG_BOUNDS, "");
    gboolean row = FALSE;

    if (!lull_database_step(self->database, statement, &row, error) || !row)
        return FALSE;
    self->first = sqlite3_column_int64(statement, 0);
    *ret_last = MAX(sqlite3_column_int64(statement, 1), FIRST_VERSION);
    self->log_events = sqlite3_column_int64(statement, 2);
    self->log_bytes = sqlite3_column_int64(statement, 3);
    (void)sqlite3_reset(statement);
    return TRUE;
}

/* Drops a quarter at a time, so that it happens seldom. One event always stays: it holds the version. */
static gboolean
prune_log(Local *self, GError **error)
{
    gint64 last;

    while (self->log_events > 1 && (self->log_events > (gint64)self->limits.log_events ||
                                    self->log_bytes > (gint64)self->limits.log_bytes)) {
        const gint64 count = CLAMP(self->log_events / 4, 1, self->log_events - 1);
        sqlite3_stmt *statement = lull_database_use(self->database, LULL_SQL_LOG_PRUNE, "i", count);
        if (!lull_database_run(self->database, statement, error) || !read_log_bounds(self, &last, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
write_change(Local *self, const LullKind *kind, const Change *change, LullJson *object, const char *before,
             gint64 version, GError **error)
{
    const char *ns = lull_meta_namespace(object);
    const char *name = lull_meta_name(object);
    const char *body = lull_json_to_line(object);
    const gint64 size = (gint64)strlen(body);
    const char *args = change->sql == LULL_SQL_DELETE ? "sss" : "ssss";
    LullDatabase *database = self->database;

    if (!lull_database_run(database, lull_database_use(database, LULL_SQL_BEGIN, ""), error))
        return FALSE;
    if (!lull_database_run(
            database, lull_database_use(database, change->sql, args, key_of(kind), ns, name, body), error) ||
        !lull_database_run(database,
                           lull_database_use(database, LULL_SQL_LOG_ADD, "issiiss", version, key_of(kind), ns,
                                             (gint64)change->type, size, body, before),
                           error))
        return FALSE;
    self->log_events++;
    self->log_bytes += size;
    return prune_log(self, error) &&
           lull_database_run(database, lull_database_use(database, LULL_SQL_COMMIT, ""), error);
}

/* The labels of @old as text, where @object has others. NULL: it has not. */
static char *
labels_before(LullJson *old, LullJson *object)
{
    LullJson *before = lull_json_at(old, "metadata", "labels", NULL);

    if (!old || lull_json_equal(before, lull_json_at(object, "metadata", "labels", NULL)))
        return NULL;
    return g_strdup(before ? lull_json_to_line(before) : "{}");
}

/* Gives the object the next version, writes it with its event in one transaction, and tells the watches.
 * @old: as it was, NULL for a new one. */
static gboolean
commit(Local *self, const LullKind *kind, const Change *change, LullJson *old, LullJson *object,
       GError **error)
{
    const gint64 next = self->version + 1;
    g_autofree char *before = labels_before(old, object);

    lull_object_set_version(object, next);
    if (!write_change(self, kind, change, object, before, next, error)) {
        /* SQLite has rolled back by itself after some errors. */
        (void)lull_database_run(self->database, lull_database_use(self->database, LULL_SQL_ROLLBACK, ""),
                                NULL);
        (void)read_log_bounds(self, &self->version, NULL);
        return FALSE;
    }
    self->version = next;
    if (self->first == 0)
        self->first = next;
    const LullFeedChange news = {change->type, lull_json_to_line(object), before};
    lull_feed_publish(self->feed, kind, lull_meta_namespace(object), &news);
    return TRUE;
}

static gboolean
refuse_read_only(const LullKind *kind, GError **error)
{
    if (!kind->read_only || kind->recorded)
        return FALSE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED,
                "%s.%s: read only: they are a view of the host's machines", kind->plural, kind->group);
    return TRUE;
}

static LullJson *
local_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    Local *self = (Local *)store;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    return read_object(self, kind, ns, name, FALSE, error);
}

static LullJson *
local_get_raw(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    Local *self = (Local *)store;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    return read_object(self, kind, ns, name, TRUE, error);
}

static LullJson *
local_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    Local *self = (Local *)store;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    if (refuse_read_only(kind, error))
        return NULL;
    for (guint attempt = 1;; attempt++) {
        g_autoptr(GError) problem = NULL;
        g_autoptr(LullJson) created = lull_object_created(kind, object, lull_clock_realtime(), error);
        if (!created)
            return NULL;
        if (commit(self, kind, &creation, NULL, created, &problem))
            return g_steal_pointer(&created);
        if (!lull_error_is(problem, LULL_ERROR_EXISTS)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
        if (lull_meta_name(object) || attempt == GENERATED_ATTEMPTS) {
            lull_object_exists(kind, lull_meta_name(created), error);
            return NULL;
        }
    }
}

static LullJson *
local_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
            LullJson *patch, GError **error)
{
    Local *self = (Local *)store;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    g_autoptr(LullJson) current = NULL;
    g_autoptr(LullJson) patched = NULL;

    if (refuse_read_only(kind, error))
        return NULL;
    current = read_object(self, kind, ns, name, FALSE, error);
    patched = current ? lull_object_patched(kind, current, target, patch, error) : NULL;
    if (!patched)
        return NULL;
    if (!lull_json_equal(current, patched) &&
        !commit(self, kind, lull_object_may_go(patched) ? &removal : &update, current, patched, error))
        return NULL;
    return g_steal_pointer(&patched);
}

static gboolean
local_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
             GError **error)
{
    Local *self = (Local *)store;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    g_autoptr(LullJson) object = NULL;

    if (refuse_read_only(kind, error))
        return FALSE;
    object = read_object(self, kind, ns, name, FALSE, error);
    if (!object || !lull_object_check_uid(kind, object, uid, error))
        return FALSE;
    if (!lull_object_has_finalizers(object))
        return commit(self, kind, &removal, NULL, object, error);
    if (lull_meta_is_deleting(object))
        return TRUE;
    lull_object_mark_deleted(object, lull_clock_realtime());
    return commit(self, kind, &update, NULL, object, error);
}

/* A position that the log still reaches. One that is yet to come is of another file. */
static gboolean
check_position(Local *self, gint64 version, GError **error)
{
    const gint64 oldest = self->first ? self->first - 1 : self->version;

    if (version >= oldest && version <= self->version)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_EXPIRED,
                "resourceVersion %" G_GINT64_FORMAT " is %s: the store has %" G_GINT64_FORMAT
                " to %" G_GINT64_FORMAT ": list again and go on from there",
                version, version < oldest ? "too old" : "not known here", oldest, self->version);
    return FALSE;
}

/* All that there are. */
static gint64
count_objects(Local *self, const LullKind *kind, const char *ns)
{
    sqlite3_stmt *statement =
        ns ? lull_database_use(self->database, LULL_SQL_COUNT_IN, "ss", key_of(kind), ns)
           : lull_database_use(self->database, LULL_SQL_COUNT, "s", key_of(kind));
    gboolean row = FALSE;
    gint64 count = 0;

    if (lull_database_step(self->database, statement, &row, NULL) && row)
        count = sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return count;
}

/* Objects of one namespace or, where @ns is NULL, of all of them, that come after one. @limit -1: all. */
static sqlite3_stmt *
use_list(Local *self, const LullKind *kind, const char *ns, const char *after_ns, const char *after_name,
         gint64 limit)
{
    return ns ? lull_database_use(self->database, LULL_SQL_LIST_IN, "sssi", key_of(kind), ns, after_name,
                                  limit)
              : lull_database_use(self->database, LULL_SQL_LIST, "sssi", key_of(kind), after_ns, after_name,
                                  limit);
}

static void
move_page(LullPage *page, sqlite3_stmt *row)
{
    g_free(page->ns);
    g_free(page->name);
    page->ns = g_strdup((const char *)sqlite3_column_text(row, 0));
    page->name = g_strdup((const char *)sqlite3_column_text(row, 1));
}

/* Adds objects after @page to @items, at most the limit. Where there are more it moves @page to the last one
 * given. */
static gboolean
read_page(Local *self, const LullKind *kind, const char *ns, const LullListOptions *options,
          const LullSelector *selector, LullPage *page, LullJson *items, gboolean *ret_more, GError **error)
{
    const gboolean raw = options->raw && lull_selector_is_everything(selector);
    const guint limit = options->limit;
    const gint64 rows = limit && lull_selector_is_everything(selector) ? (gint64)limit + 1 : -1;
    g_autofree char *after_ns = g_strdup(page->ns);
    g_autofree char *after_name = g_strdup(page->name);
    sqlite3_stmt *statement = use_list(self, kind, ns, after_ns, after_name, rows);
    gboolean row = FALSE, ok;

    *ret_more = FALSE;
    while ((ok = lull_database_step(self->database, statement, &row, error)) && row) {
        g_autoptr(LullJson) object = object_of((const char *)sqlite3_column_text(statement, 2), raw, error);
        if (!object) {
            ok = FALSE;
            break;
        }
        if (!raw && !lull_selector_matches(selector, object))
            continue;
        if (limit && json_object_array_length(items) == limit) {
            *ret_more = TRUE;
            break;
        }
        json_object_array_add(items, g_steal_pointer(&object));
        if (json_object_array_length(items) == limit)
            move_page(page, statement);
    }
    (void)sqlite3_reset(statement);
    return ok;
}

static LullPage *
first_page(Local *self)
{
    LullPage *page = g_new0(LullPage, 1);

    page->version = self->version;
    page->ns = g_strdup("");
    page->name = g_strdup("");
    return page;
}

/* Every page tells the first one's version: whoever watches from there sees what changed between pages. */
static LullJson *
local_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
           GError **error)
{
    Local *self = (Local *)store;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    g_autoptr(LullSelector) selector =
        lull_selector_new(kind, options->label_selector, options->field_selector, error);
    const gboolean goes_on = options->continue_token && *options->continue_token;
    g_autoptr(LullPage) page = NULL;
    g_autoptr(LullJson) list = json_object_new_object();
    gboolean more;

    if (!selector)
        return NULL;
    page = goes_on ? lull_page_from_token(options->continue_token, error) : first_page(self);
    if (!page || (goes_on && !check_position(self, page->version, error)))
        return NULL;
    LullJson *metadata = lull_json_ensure(list, "metadata");
    LullJson *items = json_object_new_array();
    lull_json_take(list, "items", items);
    if (!read_page(self, kind, ns, options, selector, page, items, &more, error))
        return NULL;
    lull_object_set_version(list, page->version);
    if (more) {
        g_autofree char *token = NULL;
        if (!goes_on)
            page->remaining = count_objects(self, kind, ns);
        page->remaining = MAX(1, page->remaining - (gint64)json_object_array_length(items));
        token = lull_page_to_token(page);
        lull_json_set_string(metadata, "continue", token);
        if (lull_selector_is_everything(selector))
            lull_json_set_int(metadata, "remainingItemCount", page->remaining);
    }
    return g_steal_pointer(&list);
}

static LullFeedEvents *
events_since(Local *self, const LullKind *kind, const char *ns, const char *since, GError **error)
{
    g_autoptr(LullFeedEvents) events = lull_feed_events_new();
    gboolean row = FALSE, ok;
    gint64 version;

    if (!lull_position_parse(since, &version, error) || !check_position(self, version, error))
        return NULL;
    sqlite3_stmt *statement =
        lull_database_use(self->database, LULL_SQL_LOG_SINCE, "iss", version, key_of(kind), ns);
    while ((ok = lull_database_step(self->database, statement, &row, error)) && row)
        lull_feed_events_add(events, &(LullFeedChange){(LullWatchType)sqlite3_column_int(statement, 0),
                                                       (const char *)sqlite3_column_text(statement, 1),
                                                       (const char *)sqlite3_column_text(statement, 2)});
    return ok ? g_steal_pointer(&events) : NULL;
}

static LullFeedEvents *
events_of_all(Local *self, const LullKind *kind, const char *ns, GError **error)
{
    g_autoptr(LullFeedEvents) events = lull_feed_events_new();
    sqlite3_stmt *statement = use_list(self, kind, ns, "", "", -1);
    gboolean row = FALSE, ok;

    while ((ok = lull_database_step(self->database, statement, &row, error)) && row)
        lull_feed_events_add(
            events,
            &(LullFeedChange){LULL_WATCH_ADDED, (const char *)sqlite3_column_text(statement, 2), NULL});
    return ok ? g_steal_pointer(&events) : NULL;
}

static LullWatch *
local_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
            GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    Local *self = (Local *)store;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    g_autoptr(LullSelector) selector =
        lull_selector_new(kind, options->label_selector, options->field_selector, error);
    LullFeedEvents *events = NULL;

    if (!selector)
        return NULL;
    events = options->since ? events_since(self, kind, ns, options->since, error)
                            : events_of_all(self, kind, ns, error);
    return events ? lull_feed_add(self->feed, store, kind, ns, g_steal_pointer(&selector), events, context,
                                  func, user_data)
                  : NULL;
}

static void
local_free(LullStore *store)
{
    Local *self = (Local *)store;

    lull_feed_free(self->feed);
    lull_database_close(self->database);
    g_mutex_clear(&self->lock);
    g_free(self);
}

static const LullStoreOps local_ops = {
    .get = local_get,
    .get_raw = local_get_raw,
    .list = local_list,
    .create = local_create,
    .patch = local_patch,
    .remove = local_remove,
    .watch = local_watch,
    .watch_stop = lull_feed_stop,
    .free = local_free,
};

LullStore *
lull_store_local_open_with(const char *path, const LullLocalLimits *limits, GError **error)
{
    LullDatabase *database = lull_database_open(path, error);
    Local *self;

    if (!database)
        return NULL;
    self = g_new0(Local, 1);
    self->base.ops = &local_ops;
    self->limits.log_events = limits->log_events ? limits->log_events : LOG_EVENTS;
    self->limits.log_bytes = limits->log_bytes ? limits->log_bytes : LOG_BYTES;
    self->limits.max_pending = limits->max_pending ? limits->max_pending : MAX_PENDING;
    self->feed = lull_feed_new(self->limits.max_pending);
    self->database = database;
    g_mutex_init(&self->lock);
    if (!read_log_bounds(self, &self->version, error)) {
        local_free(&self->base);
        return NULL;
    }
    return &self->base;
}

LullStore *
lull_store_local_open(const char *path, GError **error)
{
    static const LullLocalLimits defaults = {0};

    return lull_store_local_open_with(path, &defaults, error);
}
