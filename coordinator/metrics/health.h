/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether the process is alive, and whether it can do its work. Any thread; nothing here waits for anybody.
 */
typedef struct _LullHealth LullHealth;

/* @limit: how long the main loop may stand still, in microseconds; 0: the default, half a minute. */
LullHealth *lull_health_new(gint64 limit) G_GNUC_WARN_UNUSED_RESULT;
void lull_health_free(LullHealth *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullHealth, lull_health_free)

/* What is in the way, in a sentence; NULL: nothing any more. @about: one of few words, "store". @self NULL:
 * nobody wants to know. */
void lull_health_say(LullHealth *self, const char *about, const char *reason);

/* The same, asked for whenever somebody wants to know: returns a sentence, or NULL. Must not block; for the
 * life of this. */
typedef char *(*LullHealthFunc)(gpointer user_data);
void lull_health_ask(LullHealth *self, const char *about, LullHealthFunc func, gpointer user_data);

/* A line for each thing that is in the way, sorted; NULL: ready. */
char *lull_health_unready(LullHealth *self) G_GNUC_WARN_UNUSED_RESULT;

/* The main loop is alive as long as it comes to what this attaches to @context; until then it is taken for
 * alive. */
void lull_health_listen(LullHealth *self, GMainContext *context);

/* NULL: alive. */
char *lull_health_stalled(LullHealth *self) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
