/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/stream.h"

#include "coordinator/model/meta.h"
#include "coordinator/store/kube/lines.h"
#include "coordinator/store/kube/status.h"
#include "coordinator/store/kube/url.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define MAX_EVENT (8 * 1024 * 1024)
#define MAX_PAGE  (64 * 1024 * 1024)

/* So many events may wait to be taken when the next page of a list is asked for; so long until it is looked
 * again whether there are fewer. */
#define MAX_UNTAKEN LULL_KUBE_PAGE
#define TAKE_PAUSE  LULL_MSEC(5)

struct _LullStream {
    LullKubeLink *link;
    CURLM *multi;
    const LullKind *kind;
    char *api_version;
    char *path; /* of the collection */
    char *label_selector;
    char *field_selector;
    LullTrimFunc trim; /* NULL: all of an object is told */
    LullMailbox *mailbox;
    LullWatchMachine *machine;
    LullDial dial;
    gboolean running;  /* an exchange is with libcurl */
    gboolean watching; /* and it is a watch */
    gboolean watched;  /* so was one before */
    gint64 begun;      /* boot clock: the exchange */
    gboolean opened;
    gboolean dropped; /* nothing more is to be read of it */
    gboolean deaf;    /* nobody takes more events: it is over */
    LullLines *lines;
    LullDialBody body; /* of a page, or of a refusal */
    char *told;        /* the problem that the log knows */
    /* the first answer, for who waits: */
    GMutex lock;
    GCond changed;
    gboolean answered;
    GError *refusal;
};

static void
emit(LullWatchType type, LullJson *take_object, gpointer user_data)
{
    LullStream *self = user_data;

    if (type != LULL_WATCH_ERROR) {
        json_object_object_del(lull_json_object(take_object, "metadata"), "managedFields");
        if (self->trim)
            self->trim(take_object);
        /* items of a list leave out what is the same for all */
        lull_json_set_string(take_object, "apiVersion", self->api_version);
        lull_json_set_string(take_object, "kind", self->kind->kind);
    }
    if (!lull_mailbox_push(self->mailbox, type, take_object, !lull_watch_machine_is_listing(self->machine)))
        self->dropped = self->deaf = TRUE;
}

LullStream *
lull_stream_new(LullKubeLink *link, CURLM *multi, const LullStreamOptions *options, LullMailbox *mailbox)
{
    LullStream *self = g_new0(LullStream, 1);

    self->link = link;
    self->multi = multi;
    self->kind = options->kind;
    self->api_version = lull_kind_api_version(options->kind);
    self->path = lull_url_object(options->kind, options->ns, NULL);
    self->label_selector = g_strdup(options->label_selector);
    self->field_selector = g_strdup(options->field_selector);
    self->trim = options->trim;
    self->mailbox = lull_mailbox_ref(mailbox);
    self->machine = lull_watch_machine_new(options->urgent ? &lull_watch_urgent : &lull_watch_usual,
                                           options->since, g_random_int(), emit, self);
    self->body.text = g_string_new(NULL);
    lull_dial_init(&self->dial);
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    return self;
}

static void
stop_exchange(LullStream *self)
{
    if (self->running)
        curl_multi_remove_handle(self->multi, self->dial.easy);
    self->running = FALSE;
}

void
lull_stream_free(LullStream *self)
{
    if (!self)
        return;
    stop_exchange(self);
    lull_dial_clear(&self->dial);
    lull_watch_machine_free(self->machine);
    lull_mailbox_unref(self->mailbox);
    lull_lines_free(self->lines);
    g_string_free(self->body.text, TRUE);
    g_clear_error(&self->refusal);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->api_version);
    g_free(self->path);
    g_free(self->label_selector);
    g_free(self->field_selector);
    g_free(self->told);
    g_free(self);
}

static void
note_answer(LullStream *self, GError *take_refusal)
{
    g_mutex_lock(&self->lock);
    if (self->answered)
        g_clear_error(&take_refusal);
    else
        self->refusal = take_refusal;
    self->answered = TRUE;
    g_cond_signal(&self->changed);
    g_mutex_unlock(&self->lock);
}

gboolean
lull_stream_wait_opened(LullStream *self, gint64 deadline, GError **error)
{
    const gint64 end = g_get_monotonic_time() + deadline - lull_clock_boottime();
    gboolean good;

    g_mutex_lock(&self->lock);
    while (!self->answered && g_cond_wait_until(&self->changed, &self->lock, end))
        ;
    good = self->refusal == NULL;
    if (!good)
        g_propagate_error(error, g_steal_pointer(&self->refusal));
    g_mutex_unlock(&self->lock);
    return good;
}

static gboolean
take_line(const char *line, gsize length, gpointer user_data)
{
    LullStream *self = user_data;
    g_autoptr(LullJson) event = lull_json_parse(line, (gssize)length, NULL);

    if (!lull_watch_machine_event(self->machine, event, lull_clock_boottime()))
        self->dropped = TRUE;
    return !self->dropped;
}

/* A line that is too long is as good as any other nonsense. */
static gboolean
feed_lines(LullStream *self, const char *bytes, gsize length)
{
    g_autoptr(GError) problem = NULL;

    if (lull_lines_feed(self->lines, bytes, length, take_line, self, &problem))
        return TRUE;
    if (problem)
        (void)lull_watch_machine_event(self->machine, NULL, lull_clock_boottime());
    self->dropped = TRUE;
    return FALSE;
}

/* libcurl is not to be called from here: what is to be dropped is dropped later. */
static size_t
take_bytes(char *bytes, size_t size, size_t n, void *user_data)
{
    LullStream *self = user_data;

    if (self->dropped)
        return 0;
    if (!self->watching || lull_dial_code(&self->dial) != 200) {
        if (size * n > self->body.max - self->body.text->len)
            return 0;
        g_string_append_len(self->body.text, bytes, (gssize)(size * n));
        return size * n;
    }
    lull_watch_machine_alive(self->machine, lull_clock_boottime());
    return feed_lines(self, bytes, size * n) ? size * n : 0;
}

static void
begin_exchange(LullStream *self, const LullUrlQuery *query, gint64 now)
{
    g_autofree char *path = lull_url_query(self->path, query);
    g_autoptr(GError) error = NULL;
    const LullDialRequest request = {.method = "GET", .path = path};
    LullCredential *credential = lull_credentials_get(lull_kube_link_credentials(self->link), now, &error);

    if (!credential) {
        lull_watch_machine_ended(self->machine, error->message, now);
        note_answer(self, g_steal_pointer(&error));
        return;
    }
    if (query->watch && self->watched)
        lull_metrics_watch_restart(lull_kube_link_metrics(self->link));
    self->watched = self->watched || query->watch;
    self->watching = query->watch;
    self->begun = now;
    self->opened = FALSE;
    self->dropped = FALSE;
    self->body.max = query->watch ? MAX_EVENT : MAX_PAGE;
    g_string_truncate(self->body.text, 0);
    lull_lines_free(self->lines);
    self->lines = lull_lines_new(MAX_EVENT);
    lull_dial_begin(&self->dial, lull_kube_link_config(self->link), credential, &request);
    if (!query->watch)
        curl_easy_setopt(self->dial.easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(self->dial.easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(self->dial.easy, CURLOPT_WRITEDATA, self);
    curl_multi_add_handle(self->multi, self->dial.easy);
    self->running = TRUE;
}

static void
take_step(LullStream *self, const LullWatchStep *step, gint64 now)
{
    LullUrlQuery query = {.label_selector = self->label_selector, .field_selector = self->field_selector};

    if (step->verb == LULL_WATCH_STEP_LIST) {
        query.limit = step->limit;
        query.continue_token = step->continue_token;
        begin_exchange(self, &query, now);
    } else if (step->verb == LULL_WATCH_STEP_WATCH) {
        query.watch = TRUE;
        query.bookmarks = TRUE;
        query.resource_version = step->version;
        query.timeout_s = step->timeout_s;
        begin_exchange(self, &query, now);
    } else if (step->verb == LULL_WATCH_STEP_CUT) {
        stop_exchange(self);
    }
}

/* Of a watch only that it was refused: how long it lasted is no measure. */
static void
count(const LullStream *self, long http, gint64 now)
{
    if (!self->watching || http != 200)
        lull_metrics_request(lull_kube_link_metrics(self->link), "GET", http, now - self->begun);
}

/* A problem that stays the same is told once, and its end too. */
static void
tell_problem(LullStream *self)
{
    const char *problem = lull_watch_machine_problem(self->machine);

    if (g_strcmp0(problem, self->told) == 0)
        return;
    if (problem)
        g_warning("watch of %s: %s; trying again", self->path, problem);
    else
        g_message("watch of %s: goes on", self->path);
    g_free(self->told);
    self->told = g_strdup(problem);
}

/* The answer's head is there. */
static void
note_opened(LullStream *self)
{
    if (!self->running || self->opened || lull_dial_code(&self->dial) != 200)
        return;
    self->opened = TRUE;
    if (self->watching)
        lull_watch_machine_opened(self->machine);
    note_answer(self, NULL);
}

/* What is listed comes as fast as it is taken, and no faster. */
static gboolean
must_wait(const LullStream *self)
{
    return !self->running && lull_watch_machine_is_listing(self->machine) &&
           lull_mailbox_pending(self->mailbox) > MAX_UNTAKEN;
}

gint64
lull_stream_drive(LullStream *self, gint64 now)
{
    note_opened(self);
    if (self->dropped)
        stop_exchange(self);
    if (self->deaf)
        return G_MAXINT64;
    if (must_wait(self))
        return now + TAKE_PAUSE;
    for (;;) {
        const LullWatchStep step = lull_watch_machine_next(self->machine, now);

        tell_problem(self);
        if (step.verb == LULL_WATCH_STEP_END)
            return G_MAXINT64;
        if (step.verb == LULL_WATCH_STEP_WAIT)
            return step.at;
        take_step(self, &step, now);
    }
}

static void
finish_refused(LullStream *self, LullJson *answer, long http, gint64 now)
{
    if (http == 401)
        lull_credentials_doubt(lull_kube_link_credentials(self->link), self->dial.credential);
    note_answer(self, lull_status_to_error(answer, http));
    lull_watch_machine_refused(self->machine, http, answer, self->dial.retry_after, now);
}

static void
finish_broken(LullStream *self, CURLcode code, gint64 now)
{
    g_autoptr(GError) error = lull_dial_error(&self->dial, lull_kube_link_config(self->link), code);

    if (lull_dial_is_untrusted(code))
        lull_credentials_doubt(lull_kube_link_credentials(self->link), self->dial.credential);
    lull_watch_machine_ended(self->machine, error->message, now);
    note_answer(self, g_steal_pointer(&error));
}

static void
finish_page(LullStream *self, LullJson *answer, const GError *problem, gint64 now)
{
    g_autofree char *why =
        problem ? g_strdup_printf("the list is not understood: %s", problem->message) : NULL;

    if (why)
        lull_watch_machine_ended(self->machine, why, now);
    else
        (void)lull_watch_machine_page(self->machine, answer, now);
}

gboolean
lull_stream_finish(LullStream *self, const CURL *easy, CURLcode code, gint64 now)
{
    const long http = lull_dial_code(&self->dial);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) answer = NULL;

    if (!self->running || self->dial.easy != easy)
        return FALSE;
    note_opened(self);
    stop_exchange(self);
    count(self, http, now);
    if (self->body.text->len && code == CURLE_OK)
        answer = lull_json_parse(self->body.text->str, (gssize)self->body.text->len, &problem);
    if (code != CURLE_OK)
        finish_broken(self, code, now);
    else if (http != 200)
        finish_refused(self, answer, http, now);
    else if (self->watching)
        lull_watch_machine_ended(self->machine, NULL, now);
    else
        finish_page(self, answer, problem, now);
    g_string_free(self->body.text, TRUE); /* a page may be large */
    self->body.text = g_string_new(NULL);
    return TRUE;
}
