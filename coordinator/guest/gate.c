/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/gate.h"

#include <string.h>

#define PROGRAM_QEMU 0x20008087U /* of which agent commands are all that is called here */

typedef enum { TYPE_CALL = 0, TYPE_REPLY = 1, TYPE_MESSAGE = 2 } MessageType;

typedef struct {
    guint32 length;
    guint32 program;
    guint32 type;
    guint32 serial;
} Head;

static guint32
word(const guint8 *head, guint index)
{
    guint32 value = 0;

    memcpy(&value, head + (gsize)index * sizeof value, sizeof value);
    return GUINT32_FROM_BE(value);
}

/* Takes what belongs to the message under way. TRUE: its head is whole now. */
static gboolean
take(LullGateStream *stream, const guint8 **bytes, gsize *n)
{
    gsize some = 0;

    if (stream->have == LULL_GATE_HEAD && stream->rest == 0)
        stream->have = 0;
    if (stream->have < LULL_GATE_HEAD) {
        some = MIN(*n, LULL_GATE_HEAD - stream->have);
        memcpy(stream->head + stream->have, *bytes, some);
        stream->have += (guint)some;
        *bytes += some;
        *n -= some;
        return stream->have == LULL_GATE_HEAD;
    }
    some = MIN(*n, stream->rest);
    stream->rest -= (guint32)some;
    *bytes += some;
    *n -= some;
    return FALSE;
}

static gboolean
read_head(LullGateStream *stream, Head *ret_head)
{
    *ret_head = (Head){.length = word(stream->head, 0),
                       .program = word(stream->head, 1),
                       .type = word(stream->head, 4),
                       .serial = word(stream->head, 5)};
    if (ret_head->length < LULL_GATE_HEAD || ret_head->length > LULL_GATE_MESSAGE_MAX)
        return FALSE;
    stream->rest = ret_head->length - LULL_GATE_HEAD;
    return TRUE;
}

void
lull_gate_init(LullGate *self, gint64 now)
{
    *self = (LullGate){.answering = -1,
                       .open_until = now + LULL_GATE_OPEN_USEC,
                       .patience = LULL_GATE_CALL_USEC,
                       .patience_at = now,
                       .credit = LULL_GATE_UNASKED_MAX,
                       .credit_at = now};
}

void
lull_gate_opened(LullGate *self)
{
    self->open_until = 0;
}

static LullGateCall
ask(LullGate *self, const Head *head, gint64 now)
{
    LullGateCall call = {head->program, head->serial, now + LULL_GATE_AGENT_USEC};

    if (head->program == PROGRAM_QEMU)
        return call;
    if (self->waiting++ == 0) {
        self->patience = MIN(self->patience + MAX(now - self->patience_at, 0), LULL_GATE_CALL_USEC);
        self->patience_at = now;
    }
    call.until = self->patience_at + self->patience;
    return call;
}

static void
answer(LullGate *self, guint which, gint64 now)
{
    const gboolean agents = self->calls[which].program == PROGRAM_QEMU;

    self->calls[which] = self->calls[--self->n_calls];
    if (agents || --self->waiting > 0)
        return;
    self->patience -= CLAMP(now - self->patience_at, 0, self->patience);
    self->patience_at = now;
}

const char *
lull_gate_sent(LullGate *self, const guint8 *bytes, gsize n, gint64 now)
{
    if (self->untaken == 0)
        self->untaken_until = now + LULL_GATE_CALL_USEC;
    self->untaken += n;
    while (n > 0) {
        Head head;

        if (!take(&self->sent, &bytes, &n))
            continue;
        if (!read_head(&self->sent, &head))
            return "a request is longer than any should be";
        if (head.type == TYPE_MESSAGE)
            continue;
        if (head.type != TYPE_CALL || self->n_calls == LULL_GATE_CALLS)
            return "a request is of a kind that is not used";
        self->calls[self->n_calls++] = ask(self, &head, now);
    }
    return NULL;
}

void
lull_gate_taken(LullGate *self, gsize n)
{
    self->untaken -= MIN(n, self->untaken);
}

static int
find_call(const LullGate *self, const Head *head)
{
    for (guint i = 0; i < self->n_calls; i++)
        if (self->calls[i].program == head->program && self->calls[i].serial == head->serial)
            return (int)i;
    return -1;
}

/* An answer counts when it is whole. */
static void
end_message(LullGate *self, gint64 now)
{
    if (self->answering < 0 || self->received.have < LULL_GATE_HEAD || self->received.rest > 0)
        return;
    answer(self, (guint)self->answering, now);
    self->answering = -1;
}

static gboolean
spend(LullGate *self, gsize n, gint64 now)
{
    const gint64 passed = CLAMP(now - self->credit_at, 0, 60 * G_USEC_PER_SEC);

    self->credit += passed * LULL_GATE_UNASKED_PER_SECOND / G_USEC_PER_SEC;
    self->credit = MIN(self->credit, LULL_GATE_UNASKED_MAX) - (gint64)MAX(n, LULL_GATE_UNASKED_LEAST);
    self->credit_at = now;
    return self->credit >= 0;
}

static const char *
begin_message(LullGate *self, gint64 now)
{
    Head head;

    if (!read_head(&self->received, &head))
        return "it sent a message that is none, or too long";
    switch (head.type) {
    case TYPE_REPLY:
        self->answering = find_call(self, &head);
        return self->answering < 0 ? "it answered what it was not asked" : NULL;
    case TYPE_MESSAGE:
        return spend(self, head.length, now) ? NULL : "it sends without an end what it was not asked";
    default:
        return "it sent a message of a kind that is not used";
    }
}

const char *
lull_gate_received(LullGate *self, const guint8 *bytes, gsize n, gint64 now)
{
    while (n > 0) {
        if (take(&self->received, &bytes, &n)) {
            const char *why = begin_message(self, now);
            if (why)
                return why;
        }
        end_message(self, now);
    }
    return NULL;
}

gint64
lull_gate_until(const LullGate *self)
{
    gint64 until = self->open_until;

    if (self->untaken && (until == 0 || self->untaken_until < until))
        until = self->untaken_until;
    for (guint i = 0; i < self->n_calls; i++)
        if (until == 0 || self->calls[i].until < until)
            until = self->calls[i].until;
    return until;
}
