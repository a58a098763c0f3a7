/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/watch-machine.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/kube/known.h"
#include "coordinator/store/kube/status.h"
#include "coordinator/store/status.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define TIMEOUT_MIN_S   300          /* of a watch, to twice that */
#define GRACE           LULL_SEC(30) /* for the server to end a watch by itself */
#define SHORT_LIFE      LULL_SEC(1)  /* a stream that ends sooner without a word has failed */
#define RETRY_AFTER_MAX LULL_SEC(60)
#define LONG_OUTAGE     LULL_SEC(30) /* after which the store may be another one: list */
#define MAX_PAGES       20000
#define PAGED_TRIES     2 /* lists whose pages expired, before one asks for all in one */
#define MAX_DOUBLINGS   16
#define READ_TRIES      2 /* of what follows one version, before one lists again */

const LullWatchTuning lull_watch_usual = {
    .backoff_first = LULL_MSEC(800),
    .backoff_max = LULL_SEC(30),
    .healthy = LULL_SEC(120),
    .patience = LULL_SEC(30),
    .silence = LULL_SEC(150),
    .page = LULL_KUBE_PAGE,
};
const LullWatchTuning lull_watch_urgent = {
    .backoff_first = LULL_MSEC(50),
    .backoff_max = LULL_SEC(1),
    .healthy = LULL_SEC(10),
    .patience = LULL_SEC(5),
    .silence = LULL_SEC(75),
    .page = LULL_KUBE_PAGE,
};

typedef enum { STATE_LIST = 0, STATE_LISTING, STATE_WATCH, STATE_WATCHING, STATE_OVER } State;

struct _LullWatchMachine {
    LullWatchTuning tuning;
    LullWatchEmit emit;
    gpointer user_data;
    LullKnown *known; /* NULL: it began from a version */
    State state;
    gint64 not_before; /* LIST, WATCH: while it backs off */
    gint64 deadline;   /* LISTING, WATCHING */
    gint64 begun;      /* LISTING, WATCHING: when */
    char *version;     /* where the watch goes on */
    char *token;       /* of the next page */
    guint pages;       /* of the list under way */
    guint expired;     /* lists in a row whose pages were forgotten */
    gint64 end_at;     /* WATCHING: when the server should have ended it */
    guint unread;      /* streams in a row that gave nonsense after this version */
    gboolean opened;   /* the server has agreed to this stream */
    gboolean heard;    /* an event in this stream */
    gboolean marks;    /* this server gives bookmarks */
    guint failures;    /* in a row */
    gint64 failed_at;  /* the last one */
    gint64 outage;     /* since when nothing has worked; 0: it does */
    guint64 random;
    char *problem;
};

LullWatchMachine *
lull_watch_machine_new(const LullWatchTuning *tuning, const char *since, guint32 seed, LullWatchEmit emit,
                       gpointer user_data)
{
    LullWatchMachine *self = g_new0(LullWatchMachine, 1);

    self->tuning = *tuning;
    self->emit = emit;
    self->user_data = user_data;
    self->random = seed;
    self->version = g_strdup(since);
    self->known = since ? NULL : lull_known_new();
    self->state = since ? STATE_WATCH : STATE_LIST;
    return self;
}

void
lull_watch_machine_free(LullWatchMachine *self)
{
    if (!self)
        return;
    lull_known_free(self->known);
    g_free(self->version);
    g_free(self->token);
    g_free(self->problem);
    g_free(self);
}

/* Less than @below. No more is asked of it than that not all do the same at once. */
static guint
pick(LullWatchMachine *self, guint below)
{
    self->random = self->random * 6364136223846793005u + 1442695040888963407u;
    return (guint)(self->random >> 33) % below;
}

static void
set_text(char **text, const char *value)
{
    char *copy = g_strdup(value);

    g_free(*text);
    *text = copy;
}

static gint64
backoff(LullWatchMachine *self, gint64 retry_after)
{
    const gint64 base =
        MIN(self->tuning.backoff_first << MIN(self->failures, MAX_DOUBLINGS), self->tuning.backoff_max);

    return MAX(base + base * pick(self, 1024) / 1024, MIN(retry_after, RETRY_AFTER_MAX));
}

static void
list_again(LullWatchMachine *self)
{
    g_clear_pointer(&self->token, g_free);
    self->pages = 0;
    self->state = STATE_LIST;
}

/* The same again, later. */
static void
fail(LullWatchMachine *self, const char *why, gint64 retry_after, gint64 now)
{
    if (self->failed_at && now - self->failed_at > self->tuning.healthy)
        self->failures = 0;
    self->not_before = now + backoff(self, retry_after);
    self->failures++;
    self->failed_at = now;
    if (!self->outage)
        self->outage = now;
    self->state = self->state == STATE_LISTING ? STATE_LIST : STATE_WATCH;
    set_text(&self->problem, why);
}

/* An answer came that was what was asked for. */
static void
succeed(LullWatchMachine *self)
{
    self->outage = 0;
    g_clear_pointer(&self->problem, g_free);
}

static void
give_up(LullWatchMachine *self, long http, LullJson *status, const char *reason, const char *message)
{
    const gboolean whole = lull_json_string(status, "message", NULL) && lull_json_int(status, "code", 0) > 0;

    self->state = STATE_OVER;
    self->emit(LULL_WATCH_ERROR, whole ? lull_json_dup(status) : lull_status_new((int)http, reason, message),
               self->user_data);
}

static LullWatchStep
wait_until(gint64 at)
{
    return (LullWatchStep){.verb = LULL_WATCH_STEP_WAIT, .at = at};
}

static LullWatchStep
begin_list(LullWatchMachine *self, gint64 now)
{
    if (self->pages == 0)
        lull_known_begin(self->known);
    self->state = STATE_LISTING;
    self->begun = now;
    self->deadline = now + self->tuning.patience;
    return (LullWatchStep){.verb = LULL_WATCH_STEP_LIST,
                           .limit = self->expired < PAGED_TRIES ? self->tuning.page : 0,
                           .continue_token = self->token};
}

/* Silence means something only where bookmarks come. */
static gint64
stream_deadline(const LullWatchMachine *self, gint64 now)
{
    return self->marks ? MIN(now + self->tuning.silence, self->end_at) : self->end_at;
}

static LullWatchStep
begin_watch(LullWatchMachine *self, gint64 now)
{
    const guint timeout_s = TIMEOUT_MIN_S + pick(self, TIMEOUT_MIN_S + 1);

    self->state = STATE_WATCHING;
    self->begun = now;
    self->opened = FALSE;
    self->heard = FALSE;
    self->end_at = now + LULL_SEC(timeout_s) + GRACE;
    self->deadline = stream_deadline(self, now);
    return (LullWatchStep){.verb = LULL_WATCH_STEP_WATCH, .version = self->version, .timeout_s = timeout_s};
}

LullWatchStep
lull_watch_machine_next(LullWatchMachine *self, gint64 now)
{
    switch (self->state) {
    case STATE_LIST:
    case STATE_WATCH:
        if (now < self->not_before)
            return wait_until(self->not_before);
        /* a store that was away for long may have come back as it was earlier: its versions mean others */
        if (self->state == STATE_WATCH && self->known && self->outage && now - self->outage > LONG_OUTAGE)
            list_again(self);
        return self->state == STATE_LIST ? begin_list(self, now) : begin_watch(self, now);
    case STATE_LISTING:
    case STATE_WATCHING:
        if (now < self->deadline)
            return wait_until(self->deadline);
        fail(self,
             self->state == STATE_LISTING ? "no answer to a list in time" : "the watch has fallen silent", 0,
             now);
        return (LullWatchStep){.verb = LULL_WATCH_STEP_CUT};
    case STATE_OVER:
        break;
    }
    return (LullWatchStep){.verb = LULL_WATCH_STEP_END};
}

static void
forget_replaced(LullWatchMachine *self, LullJson *take_gone)
{
    if (take_gone)
        self->emit(LULL_WATCH_DELETED, take_gone, self->user_data);
}

static void
tell(LullWatchMachine *self, LullWatchType type, LullJson *take_object)
{
    LullJson *gone = NULL;
    LullKnownNews news;

    if (!self->known) {
        self->emit(type, take_object, self->user_data);
        return;
    }
    news = type == LULL_WATCH_DELETED ? lull_known_remove(self->known, take_object)
                                      : lull_known_see(self->known, take_object, &gone);
    forget_replaced(self, gone);
    switch (news) {
    case LULL_KNOWN_SAME:
        json_object_put(take_object);
        return;
    case LULL_KNOWN_ADDED:
    case LULL_KNOWN_REPLACED:
        type = LULL_WATCH_ADDED;
        break;
    case LULL_KNOWN_MODIFIED:
        type = LULL_WATCH_MODIFIED;
        break;
    case LULL_KNOWN_DELETED:
        break;
    }
    self->emit(type, take_object, self->user_data);
}

static gboolean
is_object(LullJson *value)
{
    return lull_meta_name(value) && lull_meta_version(value);
}

/* What keeps @page from being believed, NULL: nothing. */
static char *
find_fault(LullJson *page)
{
    LullJson *items = lull_json_array(page, "items");

    if (!items || !lull_meta_version(page))
        return g_strdup("the answer is no list");
    for (gsize i = 0; i < json_object_array_length(items); i++) {
        LullJson *item = json_object_array_get_idx(items, i);
        const char *name = lull_meta_name(item);

        if (!is_object(item))
            return g_strdup_printf(
                "the list has an object \"%.80s\", number %zu, that is none: it needs a name "
                "and a resourceVersion",
                name ? name : "", i + 1);
    }
    return NULL;
}

/* Of items, so that it is nobody else's. */
static LullJson *
take_item(LullJson *items, gsize i)
{
    LullJson *item = json_object_get(json_object_array_get_idx(items, i));

    json_object_array_put_idx(items, i, NULL);
    return item;
}

static void
finish_list(LullWatchMachine *self, const char *version)
{
    g_autoptr(GPtrArray) gone = lull_known_sweep(self->known);

    for (guint i = 0; i < gone->len; i++)
        self->emit(LULL_WATCH_DELETED, json_object_get(g_ptr_array_index(gone, i)), self->user_data);
    g_clear_pointer(&self->token, g_free);
    set_text(&self->version, version);
    self->pages = 0;
    self->expired = 0;
    self->unread = 0;
    self->state = STATE_WATCH;
}

gboolean
lull_watch_machine_page(LullWatchMachine *self, LullJson *page, gint64 now)
{
    LullJson *metadata = lull_json_object(page, "metadata");
    const char *token = lull_json_string(metadata, "continue", "");
    LullJson *items = lull_json_array(page, "items");
    g_autofree char *fault = NULL;

    if (self->state != STATE_LISTING)
        return FALSE;
    fault = find_fault(page);
    if (fault || self->pages + 1 >= MAX_PAGES) {
        fail(self, fault ? fault : "the list does not end", 0, now);
        list_again(self);
        return FALSE;
    }
    succeed(self);
    for (gsize i = 0; i < json_object_array_length(items); i++)
        tell(self, LULL_WATCH_ADDED, take_item(items, i));
    self->pages++;
    if (*token) {
        set_text(&self->token, token);
        self->state = STATE_LIST;
        self->not_before = now;
    } else {
        finish_list(self, lull_meta_version(page));
        self->not_before = now;
    }
    return TRUE;
}

static gboolean
event_type(LullJson *event, LullWatchType *ret_type)
{
    static const char *const words[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
    const char *word = lull_json_string(event, "type", "");

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_str_equal(words[i], word)) {
            *ret_type = (LullWatchType)i;
            return TRUE;
        }
    return FALSE;
}

void
lull_watch_machine_alive(LullWatchMachine *self, gint64 now)
{
    if (self->state == STATE_WATCHING)
        self->deadline = stream_deadline(self, now);
}

void
lull_watch_machine_opened(LullWatchMachine *self)
{
    if (self->state == STATE_WATCHING)
        self->opened = TRUE; /* whether it is good for anything, its events tell */
}

/* The same would come again and again: a list may be without it, and who cannot list is to know. */
static void
take_nonsense(LullWatchMachine *self, gint64 now)
{
    fail(self, "the watch gives what is no event", 0, now);
    if (++self->unread < READ_TRIES)
        return;
    self->unread = 0;
    if (self->known)
        list_again(self);
    else
        give_up(self, 410, NULL, "Expired", "what follows the version to go on from is not understood");
}

static gboolean
take_error(LullWatchMachine *self, LullJson *status, gint64 now)
{
    const gint64 code = lull_json_int(status, "code", 500);

    lull_watch_machine_refused(self, code < 400 || code > 599 ? 500 : (long)code, status, 0, now);
    return FALSE;
}

gboolean
lull_watch_machine_event(LullWatchMachine *self, LullJson *event, gint64 now)
{
    LullJson *object = lull_json_object(event, "object");
    LullWatchType type;

    if (self->state != STATE_WATCHING)
        return FALSE;
    if (!event_type(event, &type) || !object ||
        (type != LULL_WATCH_ERROR && type != LULL_WATCH_BOOKMARK && !is_object(object)) ||
        (type == LULL_WATCH_BOOKMARK && !lull_meta_version(object))) {
        take_nonsense(self, now);
        return FALSE;
    }
    self->heard = TRUE;
    if (type == LULL_WATCH_ERROR)
        return take_error(self, object, now);
    succeed(self);
    self->unread = 0;
    set_text(&self->version, lull_meta_version(object));
    self->marks = self->marks || type == LULL_WATCH_BOOKMARK;
    lull_watch_machine_alive(self, now);
    if (type == LULL_WATCH_BOOKMARK)
        return TRUE;
    json_object_get(object);
    json_object_object_del(event, "object");
    tell(self, type, object);
    return TRUE;
}

/* The server does not know our version, or the page's, any more. */
static void
forgotten(LullWatchMachine *self, LullJson *status, gint64 now)
{
    if (!self->known) {
        give_up(self, 410, status, "Expired", "the version to go on from is too old");
        return;
    }
    if (self->state == STATE_LISTING) {
        self->expired++;
        fail(self, "the list's next page has expired", 0, now);
    } else if (now - self->begun < SHORT_LIFE && self->failed_at && now - self->failed_at < LULL_SEC(10)) {
        fail(self, "versions expire as soon as they are listed", 0, now);
    } else {
        self->failed_at = now;
        self->not_before = now;
    }
    list_again(self);
}

void
lull_watch_machine_refused(LullWatchMachine *self, long http, LullJson *status, gint64 retry_after,
                           gint64 now)
{
    const gint64 seconds = lull_json_int(lull_json_object(status, "details"), "retryAfterSeconds", 0);
    g_autoptr(GError) error = lull_status_to_error(status, http);

    if (self->state != STATE_LISTING && self->state != STATE_WATCHING)
        return;
    if (lull_error_is(error, LULL_ERROR_EXPIRED))
        forgotten(self, status, now);
    else if (http == 400 || http == 405 || http == 422)
        give_up(self, http, status, "BadRequest", error->message);
    else
        fail(self, error->message, MAX(retry_after, LULL_SEC(CLAMP(seconds, 0, 3600))), now);
}

void
lull_watch_machine_ended(LullWatchMachine *self, const char *why, gint64 now)
{
    const gboolean lived = self->heard || (self->opened && now - self->begun >= SHORT_LIFE);

    if (self->state == STATE_LISTING) {
        fail(self, why ? why : "the answer to a list is empty", 0, now);
    } else if (self->state == STATE_WATCHING) {
        /* servers end watches and restart; one that had a life is simply opened again */
        if (lived) {
            succeed(self);
            self->state = STATE_WATCH;
            self->not_before = MAX(now, self->begun + SHORT_LIFE);
        } else {
            fail(self, why ? why : "the watch ends as soon as it begins", 0, now);
        }
    }
}

gboolean
lull_watch_machine_is_listing(const LullWatchMachine *self)
{
    return self->state == STATE_LIST || self->state == STATE_LISTING;
}

const char *
lull_watch_machine_problem(const LullWatchMachine *self)
{
    return self->problem;
}
