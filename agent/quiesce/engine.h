/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/quiesce/machine.h"
#include "agent/quiesce/recover.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* Runs the machine: makes plans, performs its actions with the freezer, keeps the record, gives the
 * answers. Lives on one main context; never blocks. Whoever asks gets his answer through a LullDone,
 * exactly once, perhaps before the call returns; at most one may wait at a time (the session takes one
 * request after the other). */
typedef struct _LullEngine LullEngine;

typedef struct {
    const char *state_dir;
    const char *root;             /* prefix of /proc, /sys and /run/udev; "" */
    const char *freezer;          /* program, NULL: the one installed with us */
    gint64 standard_lease_msec;   /* for guest-fsfreeze-freeze */
    const LullRecovery *recovery; /* what was found at the start; NULL: nothing */
} LullEngineConfig;

/* @value is the receiver's; NULL with @error. */
typedef void (*LullDone)(LullJson *value, const GError *error, gpointer user_data);

/* Tells of the operation that was recovered as its last one. What is in @config must outlive it. */
LullEngine *lull_engine_new(const LullEngineConfig *config, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Thaws whatever is frozen. */
void lull_engine_free(LullEngine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullEngine, lull_engine_free)

/* The vendor's commands, with the arguments and answers of docs/wire.md, checked against the table. */
LullJson *
lull_engine_prepare(LullEngine *self, LullJson *arguments, GError **error) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_engine_renew(LullEngine *self, LullJson *arguments, GError **error) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_engine_status(LullEngine *self) G_GNUC_WARN_UNUSED_RESULT;
void lull_engine_freeze(LullEngine *self, LullJson *arguments, LullDone done, gpointer user_data);
void lull_engine_thaw(LullEngine *self, LullJson *arguments, LullDone done, gpointer user_data);
void lull_engine_abort(LullEngine *self, LullJson *arguments, LullDone done, gpointer user_data);

/* The peer's: both answer a count. @mountpoints: array of strings, NULL: all. */
void lull_engine_standard_freeze(LullEngine *self, LullJson *mountpoints, LullDone done, gpointer user_data);
void lull_engine_standard_thaw(LullEngine *self, LullDone done, gpointer user_data);

/* A command that lets go stands in the queue behind a freeze under way: the freeze ends now, so that the
 * other need not wait for it. @op: whose operation it names, NULL: anybody's. */
void lull_engine_hurry(LullEngine *self, const char *op);

/* Lets go of everything; @stopped is called when nothing is held any more. */
void lull_engine_stop(LullEngine *self, GSourceFunc stopped, gpointer user_data);

/* Whether something may be frozen at this moment. */
gboolean lull_engine_is_frozen(const LullEngine *self);

/* Who froze, for how long, for how much longer: text for a refusal; only while frozen. */
char *lull_engine_describe_freeze(LullEngine *self) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
