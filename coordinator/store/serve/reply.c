/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/reply.h"

#include <string.h>

#include "coordinator/store/serve/exchange.h"
#include "coordinator/store/status.h"

struct _LullReplies {
    GHashTable *set; /* of LullServerReply, lent */
};

struct _LullServerReply {
    LullReplies *replies;       /* NULL once nobody waits for the answer */
    SoupServerMessage *message; /* a reference */
    gboolean streaming;         /* lines were sent */
    GSource *hangup;
    LullServerGoneFunc gone;
    gpointer gone_data;
    GDestroyNotify gone_destroy;
};

static void
forget_gone(LullServerReply *reply)
{
    const GDestroyNotify destroy = reply->gone_destroy;

    reply->gone = NULL;
    reply->gone_destroy = NULL;
    if (destroy)
        destroy(reply->gone_data);
}

/* @reply may be answered, and thereby freed, by the function. */
static void
tell_gone(LullServerReply *reply)
{
    const LullServerGoneFunc func = reply->gone;
    const GDestroyNotify destroy = reply->gone_destroy;
    gpointer user_data = reply->gone_data;

    reply->gone = NULL;
    reply->gone_destroy = NULL;
    if (func)
        func(user_data);
    if (destroy)
        destroy(user_data);
}

static void
detach(LullServerReply *reply)
{
    g_signal_handlers_disconnect_by_data(reply->message, reply);
    if (reply->hangup) {
        g_source_destroy(reply->hangup);
        g_clear_pointer(&reply->hangup, g_source_unref);
    }
    reply->replies = NULL;
}

/* Nobody waits any more: the client has gone, or the answer is complete. */
static void
abandon(LullServerReply *reply)
{
    if (!reply->replies)
        return;
    (void)g_hash_table_remove(reply->replies->set, reply);
    detach(reply);
}

static void
on_finished(SoupServerMessage *message, gpointer user_data)
{
    LullServerReply *reply = (LullServerReply *)user_data;

    abandon(reply);
    tell_gone(reply);
}

static gboolean
on_hangup(GSocket *socket, GIOCondition condition, gpointer user_data)
{
    tell_gone((LullServerReply *)user_data);
    return G_SOURCE_REMOVE;
}

LullServerReply *
lull_replies_add(LullReplies *self, SoupServerMessage *message)
{
    LullServerReply *reply = g_new0(LullServerReply, 1);

    reply->replies = self;
    reply->message = (SoupServerMessage *)g_object_ref(message);
    g_signal_connect(message, "finished", G_CALLBACK(on_finished), reply);
    g_hash_table_add(self->set, reply);
    soup_server_message_pause(message);
    return reply;
}

static void
send_line(LullServerReply *reply, LullJson *line)
{
    g_autofree char *text = g_strconcat(lull_json_to_line(line), "\n", NULL);
    const gsize size = strlen(text);

    soup_message_body_append_take(soup_server_message_get_response_body(reply->message),
                                  (guchar *)g_steal_pointer(&text), size);
}

static void
begin_stream(LullServerReply *reply)
{
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(reply->message);

    soup_server_message_set_status(reply->message, 200, NULL);
    soup_message_headers_set_content_type(headers, "application/json", NULL);
    soup_message_headers_set_encoding(headers, SOUP_ENCODING_CHUNKED);
    soup_message_body_set_accumulate(soup_server_message_get_response_body(reply->message), FALSE);
    reply->streaming = TRUE;
}

void
lull_server_reply_line(LullServerReply *reply, LullJson *take_line)
{
    if (reply->replies) {
        if (!reply->streaming)
            begin_stream(reply);
        send_line(reply, take_line);
        soup_server_message_unpause(reply->message);
    }
    lull_json_put(take_line);
}

void
lull_server_reply_on_gone(LullServerReply *reply, LullServerGoneFunc func, gpointer user_data,
                          GDestroyNotify destroy)
{
    reply->gone = func;
    reply->gone_data = user_data;
    reply->gone_destroy = destroy;
    if (!reply->replies) {
        tell_gone(reply);
        return;
    }
    /* Nothing is read while the answer waits, so a client that goes is noticed by this alone. */
    reply->hangup =
        g_socket_create_source(soup_server_message_get_socket(reply->message), G_IO_HUP | G_IO_ERR, NULL);
    g_source_set_callback(reply->hangup, G_SOURCE_FUNC(on_hangup), reply, NULL);
    g_source_attach(reply->hangup, g_main_context_get_thread_default());
}

static void
send_last(LullServerReply *reply, guint code, LullJson *body)
{
    if (!reply->replies)
        return;
    if (reply->streaming) {
        if (body)
            send_line(reply, body);
        soup_message_body_complete(soup_server_message_get_response_body(reply->message));
    } else {
        soup_server_message_set_status(reply->message, code, NULL);
        if (body)
            lull_message_send(reply->message, code, body);
    }
    soup_server_message_unpause(reply->message);
}

static void
finish(LullServerReply *reply, guint code, LullJson *body)
{
    forget_gone(reply);
    send_last(reply, code, body);
    abandon(reply);
    g_object_unref(reply->message);
    g_free(reply);
}

void
lull_server_reply(LullServerReply *reply, LullJson *take_body)
{
    finish(reply, 200, take_body);
    lull_json_put(take_body);
}

void
lull_server_reply_error(LullServerReply *reply, const GError *error)
{
    g_autoptr(LullJson) status = lull_status_from_error(error);

    finish(reply, (guint)lull_status_code(status), status);
}

LullReplies *
lull_replies_new(void)
{
    LullReplies *self = g_new0(LullReplies, 1);

    self->set = g_hash_table_new(NULL, NULL);
    return self;
}

void
lull_replies_free(LullReplies *self)
{
    GHashTableIter iter;
    gpointer reply;

    if (!self)
        return;
    g_hash_table_iter_init(&iter, self->set);
    while (g_hash_table_iter_next(&iter, &reply, NULL))
        detach((LullServerReply *)reply);
    g_hash_table_unref(self->set);
    g_free(self);
}
