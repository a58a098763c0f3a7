/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/metrics/health.h"

#include <string.h>

#include "protocol/clock.h"

#define LIMIT            LULL_SEC(30)
#define BEATS            8 /* within the limit */
#define MAX_REASON_BYTES 512

typedef struct {
    char *about;
    LullHealthFunc func;
    gpointer user_data;
} Question;

struct _LullHealth {
    gint64 limit;
    GSource *beat;
    GMutex lock; /* for the rest */
    GTree *reasons;
    GPtrArray *questions;
    gint64 last; /* monotonic; 0: nobody listens */
};

static gint
compare(gconstpointer a, gconstpointer b, gpointer user_data)
{
    return strcmp(a, b);
}

static void
question_free(gpointer data)
{
    Question *question = data;

    g_free(question->about);
    g_free(question);
}

LullHealth *
lull_health_new(gint64 limit)
{
    LullHealth *self = g_new0(LullHealth, 1);

    self->limit = limit ? limit : LIMIT;
    self->reasons = g_tree_new_full(compare, NULL, g_free, g_free);
    self->questions = g_ptr_array_new_with_free_func(question_free);
    g_mutex_init(&self->lock);
    return self;
}

void
lull_health_free(LullHealth *self)
{
    if (!self)
        return;
    if (self->beat)
        g_source_destroy(self->beat);
    g_clear_pointer(&self->beat, g_source_unref);
    g_tree_unref(self->reasons);
    g_ptr_array_unref(self->questions);
    g_mutex_clear(&self->lock);
    g_free(self);
}

/* On one line, and not endless: it may be a server's words. */
static char *
tidy(const char *reason)
{
    char *text = g_utf8_make_valid(reason, (gssize)strnlen(reason, MAX_REASON_BYTES));

    for (char *c = text; *c; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    return text;
}

void
lull_health_say(LullHealth *self, const char *about, const char *reason)
{
    if (!self)
        return;
    g_mutex_lock(&self->lock);
    if (reason)
        g_tree_replace(self->reasons, g_strdup(about), tidy(reason));
    else
        g_tree_remove(self->reasons, about);
    g_mutex_unlock(&self->lock);
}

void
lull_health_ask(LullHealth *self, const char *about, LullHealthFunc func, gpointer user_data)
{
    Question *question = NULL;

    if (!self)
        return;
    question = g_new0(Question, 1);
    question->about = g_strdup(about);
    question->func = func;
    question->user_data = user_data;
    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->questions, question);
    g_mutex_unlock(&self->lock);
}

static gboolean
append_reason(gpointer about, gpointer reason, gpointer text)
{
    g_string_append_printf(text, "%s: %s\n", (const char *)about, (const char *)reason);
    return FALSE;
}

char *
lull_health_unready(LullHealth *self)
{
    GString *text = g_string_new(NULL);

    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->questions->len; i++) {
        const Question *question = self->questions->pdata[i];
        g_autofree char *reason = question->func(question->user_data);

        if (reason)
            g_tree_replace(self->reasons, g_strdup(question->about), tidy(reason));
        else
            g_tree_remove(self->reasons, question->about);
    }
    g_tree_foreach(self->reasons, append_reason, text);
    g_mutex_unlock(&self->lock);
    return g_string_free(text, text->len == 0);
}

static void
beat(LullHealth *self)
{
    g_mutex_lock(&self->lock);
    self->last = g_get_monotonic_time();
    g_mutex_unlock(&self->lock);
}

static gboolean
on_beat(gpointer self)
{
    beat(self);
    return G_SOURCE_CONTINUE;
}

void
lull_health_listen(LullHealth *self, GMainContext *context)
{
    if (!self)
        return;
    beat(self);
    self->beat = g_timeout_source_new((guint)(self->limit / 1000 / BEATS));
    g_source_set_callback(self->beat, on_beat, self, NULL);
    (void)g_source_attach(self->beat, context);
}

char *
lull_health_stalled(LullHealth *self)
{
    gint64 still = 0;

    g_mutex_lock(&self->lock);
    if (self->last)
        still = g_get_monotonic_time() - self->last;
    g_mutex_unlock(&self->lock);
    if (still <= self->limit)
        return NULL;
    return g_strdup_printf("the main loop has stood still for %" G_GINT64_FORMAT " s\n", still / LULL_SEC(1));
}
