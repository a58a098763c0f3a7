/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "agent/freezer/client.h"
#include "agent/session/session.h"
#include "protocol/json.h"

/* Session, commands, engine and machine together, between a channel and a freezer of the test's own. One of
 * each, made by setup() and gone with teardown(). */

struct _LullChannel {
    GString *heard;
    gboolean reading;
    gboolean congested;
};

extern struct _LullChannel channel;

struct _LullFreezer {
    LullFreezerCallback callback;
    gpointer user_data;
    guint n_mounts;
};

typedef struct {
    LullFreezer *alive;
    GString *calls;
    gint64 within_msec;
    const char *refusal; /* why it cannot be started */
    LullFreezerOutcome outcomes[2];
} PlayedFreezer;

extern PlayedFreezer freezer;
extern LullEngine *engine;
extern LullSession *session;
extern LullServices services;
extern char *folder;

void setup(void);
void teardown(void);

/* Two lives of the agent. */
void start_engine(void);
void stop_engine(void);

/* Of the operation, in the state directory. */
char *record_path(void);
void write_file(const char *name, const char *text);

/* What the freezer tells. */
void fire(LullFreezerEventKind kind);
void fire_full(LullFreezerEventKind kind, const char *broken, gboolean timed_out);
void fire_frozen(void);
void fire_thawed(const char *broken);

/* What it was told, and what the client got, since the last time. Lent until the next. */
const char *called(void);
const char *heard(void);
void settle(void);

/* The engine lets a freezer go only after a while. */
void wait_freed(void);

/* One request; ask() gives its one reply, parsed, and the others what is in one. */
void say(const char *text);
LullJson *ask(const char *text);
LullJson *value_of(LullJson *reply);
const char *error_of(LullJson *reply);

/* Up to frozen; gives the epoch. */
char *freeze(void);
LullJson *ask_thaw(const char *epoch);
LullJson *ask_renew(const char *epoch);

#define ck_assert_has(text, part) ck_assert_msg(strstr((text), (part)), "%s", (text))

#define PREPARE "{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o1'}}"
#define FREEZE  "{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':8000}}"
#define STATUS  "{'execute':'__dev.lull_quiesce-status'}"
#define ABORT   "{'execute':'__dev.lull_quiesce-abort','arguments':{'op':'o1'}}"
#define PING    "{'execute':'guest-ping'}"
#define THAW    "{'execute':'guest-fsfreeze-thaw'}"
