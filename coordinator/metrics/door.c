/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/metrics/door.h"

#include <string.h>
#include <sys/socket.h>

#define PATIENCE_MS 5000
#define AT_ONCE     64   /* are let in before anything else is done */
#define PAUSE_MS    1000 /* where nobody can be let in: descriptors are short */

typedef struct {
    GList link;
    LullDoor *door;
    GSocket *socket;
    GSource *readable; /* until its head is there */
    GSource *deadline;
    gint seen;                     /* bytes of its head */
    GSocketConnection *connection; /* the server's, lent; NULL: it is not there yet */
} Visitor;

struct _LullDoor {
    SoupServer *soup;
    GSocket *socket;
    guint patience;
    GSource *readable;
    GSource *pause;
    GQueue visitors; /* the oldest first */
};

static void
clear_source(GSource **source)
{
    if (*source)
        g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static void
visitor_free(Visitor *visitor)
{
    g_queue_unlink(&visitor->door->visitors, &visitor->link);
    clear_source(&visitor->readable);
    clear_source(&visitor->deadline);
    g_object_unref(visitor->socket);
    g_free(visitor);
}

static void
on_connection_gone(gpointer data, GObject *connection)
{
    visitor_free(data);
}

/* What the server still does with it ends with an error. */
static void
show_out(Visitor *visitor)
{
    if (visitor->connection) {
        g_object_weak_unref(G_OBJECT(visitor->connection), on_connection_gone, visitor);
        (void)g_socket_shutdown(visitor->socket, TRUE, TRUE, NULL);
    } else {
        (void)g_socket_close(visitor->socket, NULL);
    }
    visitor_free(visitor);
}

static gboolean
on_deadline(gpointer visitor)
{
    show_out(visitor);
    return G_SOURCE_REMOVE;
}

static gboolean
is_whole(const char *head, gsize length)
{
    return memmem(head, length, "\r\n\r\n", 4) != NULL;
}

/* Nothing that is asked for here has one. */
static gboolean
announces_body(const char *head, gsize length)
{
    g_autofree char *lower = g_ascii_strdown(head, (gssize)length);

    return memmem(lower, length, "\ncontent-length", strlen("\ncontent-length")) ||
           memmem(lower, length, "\ntransfer-encoding", strlen("\ntransfer-encoding"));
}

/* With an empty line before it the end of a head would not be its end. */
static gboolean
may_become_one(const char *head, gsize length)
{
    return strncmp(head, "GET ", MIN(length, 4)) == 0 || strncmp(head, "HEAD ", MIN(length, 5)) == 0;
}

static void
refuse(Visitor *visitor, const char *status)
{
    g_autofree char *answer =
        g_strdup_printf("HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status);

    (void)g_socket_send(visitor->socket, answer, strlen(answer), NULL, NULL);
    show_out(visitor);
}

static void
wait_for_more_than(Visitor *visitor, gint bytes)
{
    (void)g_socket_set_option(visitor->socket, SOL_SOCKET, SO_RCVLOWAT, bytes + 1, NULL);
    visitor->seen = bytes;
}

static void
let_in(Visitor *visitor)
{
    LullDoor *self = visitor->door;
    g_autoptr(GSocketConnection) connection = g_socket_connection_factory_create_connection(visitor->socket);
    g_autoptr(GSocketAddress) local = g_socket_get_local_address(visitor->socket, NULL);
    g_autoptr(GSocketAddress) remote = g_socket_get_remote_address(visitor->socket, NULL);

    if (!local || !remote) { /* he has gone; and the server does not do without */
        show_out(visitor);
        return;
    }
    wait_for_more_than(visitor, 0);
    clear_source(&visitor->readable);
    visitor->connection = connection;
    g_object_weak_ref(G_OBJECT(connection), on_connection_gone, visitor);
    (void)soup_server_accept_iostream(self->soup, G_IO_STREAM(connection), local, remote, NULL);
}

/* Looks without taking: what comes is the server's to read. */
static gboolean
on_head(GSocket *socket, GIOCondition condition, gpointer data)
{
    Visitor *visitor = data;
    char head[LULL_DOOR_MAX_HEAD];
    const gssize n = recv(g_socket_get_fd(socket), head, sizeof head, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= visitor->seen) /* it has ended */
        show_out(visitor);
    else if (!may_become_one(head, (gsize)n))
        refuse(visitor, "405 Method Not Allowed");
    else if (is_whole(head, (gsize)n) && announces_body(head, (gsize)n))
        refuse(visitor, "413 Content Too Large");
    else if (is_whole(head, (gsize)n))
        let_in(visitor);
    else if ((gsize)n == sizeof head)
        refuse(visitor, "431 Request Header Fields Too Large");
    else {
        wait_for_more_than(visitor, (gint)n);
        return G_SOURCE_CONTINUE;
    }
    return G_SOURCE_REMOVE;
}

static GSource *
attach(GSource *take_source, GSourceFunc func, gpointer data)
{
    g_source_set_callback(take_source, func, data, NULL);
    (void)g_source_attach(take_source, g_main_context_get_thread_default());
    return take_source;
}

static void
receive(LullDoor *self, GSocket *take_socket)
{
    Visitor *visitor = g_new0(Visitor, 1);

    if (self->visitors.length >= LULL_DOOR_MAX_VISITORS)
        show_out(self->visitors.head->data);
    visitor->link.data = visitor;
    visitor->door = self;
    visitor->socket = take_socket;
    g_socket_set_blocking(take_socket, FALSE);
    g_queue_push_tail_link(&self->visitors, &visitor->link);
    visitor->readable =
        attach(g_socket_create_source(take_socket, G_IO_IN, NULL), G_SOURCE_FUNC(on_head), visitor);
    visitor->deadline = attach(g_timeout_source_new(self->patience), on_deadline, visitor);
}

static gboolean on_knock(GSocket *socket, GIOCondition condition, gpointer data);

static void
open_door(LullDoor *self)
{
    self->readable =
        attach(g_socket_create_source(self->socket, G_IO_IN, NULL), G_SOURCE_FUNC(on_knock), self);
}

static gboolean
on_pause_over(gpointer data)
{
    LullDoor *self = data;

    g_clear_pointer(&self->pause, g_source_unref);
    open_door(self);
    return G_SOURCE_REMOVE;
}

static gboolean
on_knock(GSocket *socket, GIOCondition condition, gpointer data)
{
    LullDoor *self = data;
    g_autoptr(GError) error = NULL;
    GSocket *one = NULL;

    for (guint i = 0; i < AT_ONCE && (one = g_socket_accept(socket, NULL, &error)); i++)
        receive(self, one);
    if (one || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return G_SOURCE_CONTINUE;
    g_clear_pointer(&self->readable, g_source_unref);
    self->pause = attach(g_timeout_source_new(PAUSE_MS), on_pause_over, self);
    return G_SOURCE_REMOVE;
}

LullDoor *
lull_door_new(SoupServer *soup, GSocket *socket, guint patience)
{
    LullDoor *self = g_new0(LullDoor, 1);

    self->soup = soup;
    self->socket = g_object_ref(socket);
    self->patience = patience ? patience : PATIENCE_MS;
    g_queue_init(&self->visitors);
    g_socket_set_blocking(socket, FALSE);
    open_door(self);
    return self;
}

void
lull_door_free(LullDoor *self)
{
    if (!self)
        return;
    clear_source(&self->readable);
    clear_source(&self->pause);
    while (self->visitors.head)
        show_out(self->visitors.head->data);
    g_object_unref(self->socket);
    g_free(self);
}
