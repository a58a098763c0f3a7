/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "agent/quiesce/engine.h"
#include "agent/quiesce/operation.h"
#include "protocol/error.h"

G_BEGIN_DECLS

/* What the three files of the engine share: engine.c performs actions, request.c turns requests into
 * events, answer.c says what came of them. */

typedef enum {
    LULL_WAIT_NONE = 0,
    LULL_WAIT_FREEZE,
    LULL_WAIT_THAW,
    LULL_WAIT_ABORT,
    LULL_WAIT_STANDARD_FREEZE,
    LULL_WAIT_STANDARD_THAW
} LullWait;

struct _LullEngine {
    LullEngineConfig config;
    char *boot_id;

    LullMachine machine;
    LullOperation *operation; /* under way, or the last one; NULL before the first */
    LullFreezer *freezer;     /* NULL too where there is nothing to freeze */
    LullFreezer *retired;     /* ended: kept until nothing of it is frozen */
    guint retiring;           /* source that looks whether that is so */
    gboolean recorded;        /* record written, and log held back, for one of the two */
    int marker_fd;
    guint timer;

    GQueue events; /* of LullEvent, while one is being worked on */
    gboolean working;

    LullWait wait;
    LullPhase wait_from; /* what an abort undoes */
    LullDone done;
    gpointer done_data;

    GSourceFunc stopped;
    gpointer stopped_data;
};

/* Takes an event through the machine and performs what it says; gives what the one who asked is told. */
LullAnswer lull_engine_apply(LullEngine *self, LullEvent event);

/* The same with somebody who waits for LULL_DO_ANSWER; or who is answered by the caller at once. */
LullAnswer
lull_engine_ask(LullEngine *self, LullWait wait, LullEvent event, LullDone done, gpointer user_data);

/* To whoever waits; nothing where nobody does. `answer` consumes @value. */
void lull_engine_answer(LullEngine *self, LullJson *value, const GError *error);
void lull_engine_answer_error(LullEngine *self, LullError code, const char *text);

/* The machine has come to an answer, or to its deadline. */
void lull_engine_answer_waiting(LullEngine *self);

/* Whether @op is the vendor's operation under way or the last one. */
gboolean lull_engine_is_current(const LullEngine *self, const char *op);

/* Whose operation is under way: its op, LULL_OWNER_STANDARD, or "". */
const char *lull_engine_owner(const LullEngine *self);

/* {"undone": what an abort in this phase undoes}. */
LullJson *lull_engine_undone(LullPhase from) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
