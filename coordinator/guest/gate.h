/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Judges one connection between libvirt's client and a daemon that nobody trusts: how long an answer may
 * take, how much may be sent that nobody asked for, what libvirt's client is never to read. It knows of
 * libvirt's protocol only how messages are framed and matched: https://libvirt.org/kbase/internals/rpc.html.
 * Pure: bytes and the time go in, a verdict comes out. */

#define LULL_GATE_HEAD  28 /* bytes: length, program, version, procedure, type, serial, status */
#define LULL_GATE_CALLS 16 /* without an answer at the same time; who calls waits for it */

/* An answer may be as long as libvirt's longest text, and something around it. */
#define LULL_GATE_MESSAGE_MAX (5 * 1024 * 1024)

/* What comes unasked are events and keep-alive, some 100 bytes each. libvirt's client has a line in our log
 * for each that it does not understand, however short it is. */
#define LULL_GATE_UNASKED_MAX        (64 * 1024)
#define LULL_GATE_UNASKED_PER_SECOND 1024
#define LULL_GATE_UNASKED_LEAST      256 /* that one is counted as */

/* Agent commands have time-outs of ours in the daemon, of 10 s at most; all else is taken and answered at
 * once, by one that works: for its answers it has 10 s in all, which come back while nothing is asked. So
 * what takes many calls in a row takes no longer than one. */
#define LULL_GATE_OPEN_USEC  (10 * G_USEC_PER_SEC)
#define LULL_GATE_CALL_USEC  (10 * G_USEC_PER_SEC)
#define LULL_GATE_AGENT_USEC (15 * G_USEC_PER_SEC)

typedef struct {
    guint8 head[LULL_GATE_HEAD];
    guint have;   /* bytes of the head */
    guint32 rest; /* of the body, once the head is whole */
} LullGateStream;

typedef struct {
    guint32 program;
    guint32 serial;
    gint64 until;
} LullGateCall;

typedef struct {
    LullGateStream sent;
    LullGateStream received;
    LullGateCall calls[LULL_GATE_CALLS];
    guint n_calls;
    guint waiting;   /* of them, but for the agent's */
    gint64 patience; /* with these; spent while there are any, and back while there are none */
    gint64 patience_at;
    gsize untaken; /* bytes that were to pass to the daemon, and that it has not taken */
    gint64 untaken_until;
    int answering;     /* which of them the message under way answers; -1: none */
    gint64 open_until; /* 0: opened */
    gint64 credit;     /* bytes that may come unasked */
    gint64 credit_at;
} LullGate;

/* @now: boot clock, here and below. */
void lull_gate_init(LullGate *self, gint64 now);

/* The connection is made: from now on only calls are waited for. */
void lull_gate_opened(LullGate *self);

/* The next @n bytes of one side. NULL: they may pass; else why the connection must end, a constant. */
const char *lull_gate_sent(LullGate *self, const guint8 *bytes, gsize n, gint64 now);
const char *lull_gate_received(LullGate *self, const guint8 *bytes, gsize n, gint64 now);

/* Of what lull_gate_sent() let pass the daemon took @n bytes more. */
void lull_gate_taken(LullGate *self, gsize n);

/* Until when the daemon has time, to take or to answer; 0: it owes nothing. */
gint64 lull_gate_until(const LullGate *self);

G_END_DECLS
