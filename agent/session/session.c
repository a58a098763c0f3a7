/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/session/session.h"

#include <malloc.h>
#include <string.h>

#include "agent/session/gate.h"
#include "agent/session/table.h"
#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/frame.h"

#define QUEUE_REQUESTS 64
#define QUEUE_BYTES    LULL_FRAME_MAX_BYTES
#define BULKY_BYTES    (1024 * 1024)
#define RESYNC_MARK    "\xff"

/* A request that waits its turn, or the error that stands for a bad one. */
typedef struct {
    char *text; /* of many requests text takes far less than what it is parsed to */
    gsize bytes;
    char *problem;
} Waiting;

struct _LullCall {
    LullSession *session; /* NULL once that is gone */
    gboolean unheard;     /* the one who asked is gone: it goes on, and the next one waits for its end */
    LullJson *message;    /* what @request lends from */
    LullRequest request;
};

struct _LullSession {
    const LullServices *services;
    LullChannel *channel;
    LullFrame *frame;
    GQueue waiting;
    gsize waiting_bytes;
    LullCall *current;
    gboolean pumping;
    gboolean bulky; /* a large message came since memory was last given back */
};

static void pump(LullSession *self);

static void
waiting_free(Waiting *self)
{
    g_free(self->text);
    g_free(self->problem);
    g_free(self);
}

static void
send_line(LullSession *self, char *take)
{
    g_autofree char *line = take;

    lull_channel_send(self->channel, line, strlen(line));
}

/* ------- one call */

LullJson *
lull_call_arguments(LullCall *self)
{
    return self->request.arguments;
}

static void
finish(LullCall *self, const char *mark, char *take_line)
{
    LullSession *session = self->session;

    if (session && !self->unheard) {
        if (mark)
            lull_channel_send(session->channel, mark, strlen(mark));
        send_line(session, g_steal_pointer(&take_line));
    }
    g_free(take_line);
    if (session)
        session->current = NULL;
    json_object_put(self->message);
    g_free(self);
    if (session)
        pump(session);
}

void
lull_call_return(LullCall *self, LullJson *value)
{
    finish(self, NULL, lull_reply_return(value, &self->request));
}

void
lull_call_return_delimited(LullCall *self, LullJson *value)
{
    finish(self, RESYNC_MARK, lull_reply_return(value, &self->request));
}

void
lull_call_fail(LullCall *self, const GError *error)
{
    finish(self, NULL, lull_reply_error("GenericError", error->message, &self->request));
}

void
lull_call_done(LullJson *value, const GError *error, gpointer call)
{
    if (value)
        lull_call_return(call, value);
    else
        lull_call_fail(call, error);
}

/* ------- dispatch */

/* Checks everything that the tables know. NULL: @row may run; else the refusal. */
static char *
refuse(const LullSession *self, const LullRequest *request, const LullTableRow *row)
{
    const LullCommandSpec *spec = lull_command_find(request->name);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *details = NULL;
    gboolean frozen;

    if (!spec || !row) {
        text = g_strdup_printf("The command %s has not been found", request->name);
        return lull_reply_error("CommandNotFound", text, request);
    }
    frozen = lull_engine_is_frozen(self->services->engine);
    if (!lull_gate_allows(spec, frozen, self->services->rules)) {
        details = frozen ? lull_engine_describe_freeze(self->services->engine) : NULL;
        text = frozen ? lull_gate_refusal_frozen(spec, details) : lull_gate_refusal_ruled(spec);
        return lull_reply_error("CommandNotFound", text, request);
    }
    if (!lull_command_check(spec, request->arguments, &error))
        return lull_reply_error("GenericError", error->message, request);
    return NULL;
}

/* An envelope that is wrong may still carry an id to echo. */
static char *
refuse_envelope(LullJson *message, const GError *error)
{
    LullRequest request = {NULL};

    if (json_object_is_type(message, json_type_object))
        request.has_id = json_object_object_get_ex(message, "id", &request.id);
    return lull_reply_error("GenericError", error->message, &request);
}

/* Frame and parser name the place differently; clients know the peer's words. */
static char *
parse_problem(const GError *error)
{
    static const char *const places[] = {"JSON parse error, ", "JSON: "};
    const char *text = error->message;

    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (g_str_has_prefix(text, places[i]))
            text += strlen(places[i]);
    return g_strconcat(places[0], text, NULL);
}

static LullJson *
parse(const Waiting *waiting, char **ret_problem)
{
    g_autoptr(GError) error = NULL;
    LullJson *message = NULL;

    if (waiting->text)
        message = lull_json_parse(waiting->text, (gssize)waiting->bytes, &error);
    if (!message)
        *ret_problem = error ? parse_problem(error) : g_strdup(waiting->problem);
    return message;
}

static void
dispatch(LullSession *self, Waiting *take)
{
    g_autofree char *problem = NULL;
    g_autoptr(LullJson) message = parse(take, &problem);
    g_autoptr(GError) error = NULL;
    const LullTableRow *row;
    LullRequest request;
    char *refusal;

    waiting_free(take);
    if (problem) {
        send_line(self, lull_reply_error("GenericError", problem, NULL));
        return;
    }
    if (!lull_request_read(message, &request, &error)) {
        send_line(self, refuse_envelope(message, error));
        return;
    }
    row = lull_table_find(request.name);
    refusal = refuse(self, &request, row);
    if (refusal) {
        send_line(self, refusal);
        return;
    }
    self->current = g_new0(LullCall, 1);
    self->current->session = self;
    self->current->message = g_steal_pointer(&message);
    self->current->request = request;
    row->run(self->services, self->current);
}

/* ------- intake */

static gboolean
has_room(const LullSession *self)
{
    return self->waiting.length < QUEUE_REQUESTS && self->waiting_bytes < QUEUE_BYTES;
}

/* Only what will not be refused when its turn comes. */
static void
hurry(LullSession *self, const Waiting *waiting)
{
    g_autofree char *problem = NULL;
    g_autoptr(LullJson) message = NULL;
    const LullCommandSpec *spec;
    const LullTableRow *row;
    LullRequest request;

    if (!self->current)
        return;
    message = parse(waiting, &problem);
    if (!message || !lull_request_read(message, &request, NULL))
        return;
    spec = lull_command_find(request.name);
    row = lull_table_find(request.name);
    if (spec && row && row->hurry && lull_command_check(spec, request.arguments, NULL))
        row->hurry(self->services, request.arguments);
}

static Waiting *
next_from_frame(LullSession *self)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    gsize length = 0;
    const LullFrameKind kind = lull_frame_next(self->frame, &text, &length, &error);
    Waiting *waiting;

    if (kind == LULL_FRAME_NONE)
        return NULL;
    waiting = g_new0(Waiting, 1);
    waiting->text = text;
    waiting->bytes = length;
    if (kind == LULL_FRAME_BAD)
        waiting->problem = parse_problem(error);
    self->bulky = self->bulky || kind == LULL_FRAME_BAD || length > BULKY_BYTES;
    return waiting;
}

static void
take_in(LullSession *self)
{
    Waiting *waiting;

    while (has_room(self) && (waiting = next_from_frame(self))) {
        self->waiting_bytes += waiting->bytes;
        g_queue_push_tail(&self->waiting, waiting);
        hurry(self, waiting);
    }
    lull_channel_set_reading(self->channel, has_room(self));
}

/* The allocator keeps what was freed in small pieces, and one host's large request would cost the guest its
 * memory for good. */
static void
give_memory_back(LullSession *self)
{
    if (!self->bulky || self->current || !g_queue_is_empty(&self->waiting))
        return;
    self->bulky = FALSE;
    (void)malloc_trim(0);
}

static void
pump(LullSession *self)
{
    if (self->pumping)
        return;
    self->pumping = TRUE;
    take_in(self);
    while (!self->current && !g_queue_is_empty(&self->waiting) && !lull_channel_is_congested(self->channel)) {
        Waiting *waiting = g_queue_pop_head(&self->waiting);

        self->waiting_bytes -= waiting->bytes;
        dispatch(self, waiting);
        take_in(self);
    }
    give_memory_back(self);
    self->pumping = FALSE;
}

/* ------- channel */

static void
on_data(const void *bytes, gsize length, gpointer user_data)
{
    LullSession *self = user_data;

    lull_frame_feed(self->frame, bytes, length);
    pump(self);
}

static void
forget_client(LullSession *self)
{
    lull_frame_reset(self->frame);
    g_queue_foreach(&self->waiting, (GFunc)(gpointer)waiting_free, NULL);
    g_queue_clear(&self->waiting);
    self->waiting_bytes = 0;
    if (self->current)
        self->current->unheard = TRUE;
}

static void
on_gone(gpointer user_data)
{
    LullSession *self = user_data;

    forget_client(self);
    lull_channel_set_reading(self->channel, TRUE);
}

static void
on_drained(gpointer user_data)
{
    pump(user_data);
}

const LullChannelHandler lull_session_handler = {on_data, on_gone, on_drained};

LullSession *
lull_session_new(const LullServices *services)
{
    LullSession *self = g_new0(LullSession, 1);

    self->services = services;
    self->frame = lull_frame_new(LULL_FRAME_MAX_BYTES, LULL_JSON_MAX_DEPTH - 1);
    g_queue_init(&self->waiting);
    return self;
}

void
lull_session_free(LullSession *self)
{
    if (!self)
        return;
    forget_client(self);
    if (self->current)
        self->current->session = NULL;
    lull_frame_free(self->frame);
    g_free(self);
}

void
lull_session_set_channel(LullSession *self, LullChannel *channel)
{
    self->channel = channel;
}
