/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/link.h"

#include "coordinator/store/kube/dial.h"
#include "coordinator/store/kube/http-date.h"
#include "coordinator/store/kube/retry.h"
#include "coordinator/store/kube/status.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define PATIENCE LULL_SEC(30)
#define MAX_BODY (64 * 1024 * 1024)
#define NAP      LULL_MSEC(250) /* and then it is looked whether there is an end */
#define MAX_IDLE 8 /* handles kept, each with its connection: as many as cut volumes at the same time */

struct _LullKubeLink {
    LullKubeConfig *config;
    LullCredentials *credentials;
    LullMetrics *metrics;
    const LullKubeEnd *end;
    GMutex lock;
    /* under it: */
    gint64 patience;
    LullHttpClock clock;
    GQueue idle; /* of LullDial */
};

LullKubeLink *
lull_kube_link_new(LullKubeConfig *take_config, GError **error)
{
    LullKubeLink *self = g_new0(LullKubeLink, 1);

    self->config = take_config;
    self->credentials = lull_credentials_new(take_config);
    self->patience = PATIENCE;
    g_mutex_init(&self->lock);
    g_queue_init(&self->idle);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        return self;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "libcurl: cannot be initialised");
    lull_kube_link_free(self);
    return NULL;
}

static void
dial_free(LullDial *dial)
{
    lull_dial_clear(dial);
    g_free(dial);
}

void
lull_kube_link_free(LullKubeLink *self)
{
    if (!self)
        return;
    g_queue_clear_full(&self->idle, (GDestroyNotify)dial_free);
    g_mutex_clear(&self->lock);
    lull_credentials_free(self->credentials);
    lull_kube_config_free(self->config);
    curl_global_cleanup();
    g_free(self);
}

const LullKubeConfig *
lull_kube_link_config(const LullKubeLink *self)
{
    return self->config;
}

LullCredentials *
lull_kube_link_credentials(const LullKubeLink *self)
{
    return self->credentials;
}

void
lull_kube_link_set_metrics(LullKubeLink *self, LullMetrics *metrics)
{
    self->metrics = metrics;
}

LullMetrics *
lull_kube_link_metrics(const LullKubeLink *self)
{
    return self->metrics;
}

void
lull_kube_link_set_end(LullKubeLink *self, const LullKubeEnd *end)
{
    self->end = end;
}

void
lull_kube_link_set_patience(LullKubeLink *self, gint64 usec)
{
    g_mutex_lock(&self->lock);
    self->patience = usec;
    g_mutex_unlock(&self->lock);
}

void
lull_kube_link_limit_patience(LullKubeLink *self, gint64 usec)
{
    g_mutex_lock(&self->lock);
    self->patience = MIN(self->patience, usec);
    g_mutex_unlock(&self->lock);
}

/* The one used last, whose connection is the freshest. */
static LullDial *
take_dial(LullKubeLink *self)
{
    LullDial *dial;

    g_mutex_lock(&self->lock);
    dial = g_queue_pop_head(&self->idle);
    g_mutex_unlock(&self->lock);
    if (dial)
        return dial;
    dial = g_new0(LullDial, 1);
    lull_dial_init(dial);
    return dial;
}

static void
give_dial_back(LullKubeLink *self, LullDial *dial)
{
    g_mutex_lock(&self->lock);
    g_queue_push_head(&self->idle, dial);
    dial = g_queue_get_length(&self->idle) > MAX_IDLE ? g_queue_pop_tail(&self->idle) : NULL;
    g_mutex_unlock(&self->lock);
    if (dial)
        dial_free(dial);
}

gint64
lull_kube_link_skew(LullKubeLink *self)
{
    gint64 skew;

    g_mutex_lock(&self->lock);
    skew = self->clock.skew;
    g_mutex_unlock(&self->lock);
    return skew;
}

/* What stands between may answer as well, when the server does not: by a clock of its own. */
static gboolean
is_servers_own(long http, LullJson *answer)
{
    return (http >= 200 && http <= 299) || g_str_equal(lull_json_string(answer, "kind", ""), "Status");
}

static void
hear_clock(LullKubeLink *self, const LullDial *dial, LullJson *answer)
{
    if (!dial->date || !is_servers_own(lull_dial_code(dial), answer))
        return;
    g_mutex_lock(&self->lock);
    lull_http_clock_hear(&self->clock, dial->date, dial->asked, dial->answered);
    g_mutex_unlock(&self->lock);
}

/* One request and its tries. */
typedef struct {
    const LullKubeRequest *request;
    const char *body;
    gint64 begun, deadline;
    guint tries;
    gboolean renewed;
    gboolean unsure; /* a try before this one may have happened */
    /* of the last try: */
    LullTryEnd end;
    long http;
    gint64 retry_after;
    LullJson *answer;
    GError *error;
} Call;

/* The earlier of @deadline and the end, if there is one. */
static gint64
limit(const LullKubeLink *self, gint64 deadline)
{
    const gint64 end = self->end ? atomic_load(self->end) : 0;

    return end ? MIN(end, deadline) : deadline;
}

/* libcurl asks once a second at least. */
static int
is_over(void *link, curl_off_t to_get, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
    (void)to_get, (void)got, (void)to_send, (void)sent;
    return limit(link, G_MAXINT64) <= lull_clock_boottime();
}

static void
nap(const LullKubeLink *self, gint64 usec)
{
    const gint64 until = lull_clock_boottime() + usec;
    gint64 rest;

    while ((rest = limit(self, until) - lull_clock_boottime()) > 0)
        g_usleep((gulong)MIN(rest, NAP));
}

static LullTryEnd
end_of(const LullDial *dial, CURLcode code)
{
    /* what is too large once will be again */
    if (code == CURLE_OK || code == CURLE_WRITE_ERROR)
        return LULL_TRY_ANSWERED;
    if (lull_dial_is_untrusted(code))
        return LULL_TRY_UNTRUSTED;
    return lull_dial_was_sent(dial) ? LULL_TRY_UNKNOWN : LULL_TRY_UNSENT;
}

static void
judge(Call *call, LullKubeLink *self, const LullDial *dial, CURLcode code, const GString *body)
{
    const LullKubeRequest *request = call->request;
    g_autoptr(GError) problem = NULL;

    call->http = lull_dial_code(dial);
    call->retry_after = dial->retry_after;
    call->end = end_of(dial, code);
    if (code != CURLE_OK) {
        call->error = lull_dial_error(dial, self->config, code);
        g_prefix_error(&call->error, "%s %s: ", request->method, request->path);
        return;
    }
    if (request->wordless && call->http >= 200 && call->http <= 299)
        call->answer = json_object_new_object();
    else if (body->len)
        call->answer = lull_json_parse(body->str, (gssize)body->len, &problem);
    hear_clock(self, dial, call->answer);
    if (call->http < 200 || call->http > 299)
        call->error = lull_status_to_error(call->answer, call->http);
    else if (!json_object_is_type(call->answer, json_type_object))
        call->error =
            g_error_new(LULL_ERROR, LULL_ERROR_INVALID, "%s %s: the answer is not understood: %s",
                        request->method, request->path, problem ? problem->message : "it is no object");
}

static void
try_once(Call *call, LullKubeLink *self)
{
    LullDialBody body = {.text = g_string_new(NULL), .max = MAX_BODY};
    LullDial *dial = NULL;
    const LullDialRequest request = {
        .method = call->request->method,
        .path = call->request->path,
        .content_type = call->request->content_type,
        .body = call->body,
        .once = !call->request->repeatable,
        .timeout = MAX(call->deadline - lull_clock_boottime(), LULL_MSEC(1)),
    };
    LullCredential *credential = lull_credentials_get(self->credentials, lull_clock_boottime(), &call->error);

    call->tries++;
    call->end = LULL_TRY_UNSENT;
    g_clear_pointer(&call->answer, lull_json_put);
    if (credential) {
        dial = take_dial(self);
        lull_dial_begin(dial, self->config, credential, &request);
        lull_dial_keep_body(dial, &body);
        curl_easy_setopt(dial->easy, CURLOPT_XFERINFOFUNCTION, is_over);
        curl_easy_setopt(dial->easy, CURLOPT_XFERINFODATA, self);
        curl_easy_setopt(dial->easy, CURLOPT_NOPROGRESS, 0L);
        const gint64 begun = lull_clock_boottime();
        const CURLcode code = curl_easy_perform(dial->easy);
        judge(call, self, dial, code, body.text);
        lull_metrics_request(self->metrics, call->request->method, call->http, lull_clock_boottime() - begun);
        if (call->http == 401 || lull_dial_is_untrusted(code))
            lull_credentials_doubt(self->credentials, dial->credential);
        give_dial_back(self, dial);
    }
    g_string_free(body.text, TRUE);
}

/* FALSE: that was all. */
static gboolean
prepare_next(Call *call, LullKubeLink *self)
{
    const LullRetryView view = {
        .end = call->end,
        .http = call->http,
        .retry_after = call->retry_after,
        .repeatable = call->request->repeatable,
        .tries = call->tries,
        .renewed = call->renewed,
        .now = lull_clock_boottime(),
        .begun = call->begun,
        .deadline = limit(self, call->deadline),
        .random = (guint)g_random_int(),
    };
    gint64 wait = 0;

    switch (lull_retry_decide(&view, &wait)) {
    case LULL_RETRY_NO:
        return FALSE;
    case LULL_RETRY_RENEW:
        /* files that are replaced one after the other may have been read in between */
        wait = lull_credentials_renewal(self->credentials, view.now);
        if (view.now + wait >= view.deadline)
            return FALSE;
        call->renewed = TRUE;
        break;
    case LULL_RETRY_WAIT:
        break;
    }
    call->unsure = call->unsure || call->end == LULL_TRY_UNKNOWN || call->http >= 500;
    nap(self, wait);
    if (limit(self, call->deadline) <= lull_clock_boottime())
        return FALSE;
    g_clear_error(&call->error);
    return TRUE;
}

static gboolean
may_try(Call *call)
{
    const LullKubeGuard *guard = call->request->guard;

    return !guard || guard->may(guard->data, &call->error);
}

LullJson *
lull_kube_link_request(LullKubeLink *self, const LullKubeRequest *request, gboolean *ret_repeated,
                       GError **error)
{
    Call call = {.request = request, .begun = lull_clock_boottime()};
    gint64 patience;

    g_mutex_lock(&self->lock);
    patience = request->patience ? MIN(request->patience, self->patience) : self->patience;
    g_mutex_unlock(&self->lock);
    call.deadline = limit(self, call.begun + patience);
    if (call.deadline <= call.begun) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT, "%s %s: nothing is asked any more: it ends",
                    request->method, request->path);
        return NULL;
    }
    call.body = request->body ? lull_json_to_line(request->body) : NULL;
    while (may_try(&call)) {
        try_once(&call, self);
        if (!call.error || !prepare_next(&call, self))
            break;
    }
    if (ret_repeated)
        *ret_repeated = call.unsure;
    if (!call.error)
        return call.answer;
    if (call.end == LULL_TRY_UNKNOWN && !request->repeatable)
        g_prefix_error(&call.error, "it is not known whether this was done: ");
    g_clear_pointer(&call.answer, lull_json_put);
    g_propagate_error(error, call.error);
    return NULL;
}
