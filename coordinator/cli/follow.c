/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/follow.h"

#include <stdio.h>
#include <unistd.h>

#include "coordinator/cli/interrupt.h"
#include "coordinator/cli/names.h"
#include "coordinator/cli/outcome.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/report-read.h"
#include "coordinator/cli/text.h"
#include "coordinator/model/age.h"
#include "coordinator/model/meta.h"
#include "protocol/backoff.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

/* A server may be away that long in one piece: a restart, an upgrade. */
#define MAX_AWAY LULL_SEC(60)

static const LullBackoff retry = {.first = LULL_MSEC(100), .cap = LULL_SEC(2), .jitter = 0.3};

/* Following one object. */
typedef struct {
    const LullKind *kind;
    const char *name;
    const char *uid;
    gint64 deadline; /* boot clock, 0: none */
    gboolean until_gone;
    LullJson *last; /* as seen last */
    gboolean gone;
    LullProgressView *view; /* may be NULL */
} Follow;

/* TRUE: there is nothing more to wait for. */
static gboolean
see(Follow *self, LullJson *object)
{
    LullProgress progress;

    if (self->uid && g_strcmp0(lull_meta_uid(object), self->uid) != 0) {
        self->gone = TRUE;
        return TRUE;
    }
    if (object != self->last) {
        json_object_put(self->last);
        self->last = json_object_get(object);
    }
    if (self->until_gone)
        return FALSE;
    if (lull_outcome_of(self->kind, object, NULL) != LULL_OUTCOME_PENDING)
        return TRUE;
    progress = lull_progress_of(self->kind, object);
    if (self->view)
        lull_progress_view_update(self->view, &progress);
    return FALSE;
}

static gboolean
on_event(LullWatchType type, LullJson *object, gpointer user_data)
{
    Follow *self = user_data;

    if (type == LULL_WATCH_DELETED)
        self->gone = TRUE;
    return !self->gone && !see(self, object);
}

static void
on_tick(gpointer user_data)
{
    Follow *self = user_data;

    if (self->view)
        lull_progress_view_tick(self->view);
}

static gboolean
is_over(const Follow *self)
{
    return self->deadline && lull_clock_boottime() >= self->deadline;
}

static gboolean
is_passing(const GError *problem)
{
    return lull_error_is(problem, LULL_ERROR_LOST) || lull_error_is(problem, LULL_ERROR_EXPIRED) ||
           lull_error_is(problem, LULL_ERROR_BUSY) || lull_error_is(problem, LULL_ERROR_TIMED_OUT);
}

/* Gets the object anew. TRUE: nothing more to wait for. */
static gboolean
look_again(Follow *self, LullCli *cli, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) object = lull_client_get(cli->client, self->kind, cli->ns, self->name, &problem);

    if (object)
        return see(self, object);
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
        self->gone = TRUE;
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean
watch_once(Follow *self, LullCli *cli, GError **error)
{
    const LullClientWatch watch = {.event = on_event, .tick = on_tick, .user_data = self};

    return lull_client_watch(cli->client, self->kind, cli->ns, self->name, lull_meta_version(self->last),
                             self->deadline, &watch, error);
}

static gboolean
set_timed_out(const Follow *self, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                "%s/%s: not at its end in the time given; it goes on, wait for it with: lull wait %s/%s",
                lull_names_word(self->kind), self->name, lull_names_word(self->kind), self->name);
    return FALSE;
}

/* Watches, and after every break looks again and watches anew. */
static gboolean
follow(Follow *self, LullCli *cli, GError **error)
{
    gint64 away_since = 0;

    for (guint failures = 0;;) {
        g_autoptr(GError) problem = NULL;
        const gint64 begun = lull_clock_boottime();

        if (watch_once(self, cli, &problem))
            return TRUE;
        if (is_over(self))
            return set_timed_out(self, error);
        if (is_passing(problem) && begun + LULL_SEC(1) < lull_clock_boottime())
            failures = 0;
        if (is_passing(problem)) {
            g_usleep((gulong)lull_backoff_delay(&retry, failures++, g_random_double()));
            g_clear_error(&problem);
            if (look_again(self, cli, &problem))
                return TRUE;
        }
        if (!problem) {
            away_since = 0;
            continue;
        }
        if (!away_since)
            away_since = lull_clock_boottime();
        if (!is_passing(problem) || lull_clock_boottime() - away_since > MAX_AWAY) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
    }
}

static void
say_done(LullCli *cli, const Follow *self)
{
    g_autoptr(LullReport) report = lull_report_of(self->last, NULL);

    if (lull_cli_print_object(cli, self->kind, self->last))
        return;
    if (self->kind == &lull_kind_restore) {
        (void)printf("restore/%s is complete\n", self->name);
        return;
    }
    (void)printf("snapshot/%s is ready", self->name);
    if (report && *report->level)
        (void)printf(": level %s", report->level);
    if (report && *report->proof)
        (void)printf(", proof %s", report->proof);
    if (report && *report->witness)
        (void)printf(", witness %s", report->witness);
    if (report && report->window_ms >= 0) {
        g_autofree char *window = lull_age_format_ms(report->window_ms);

        (void)printf(", frozen for %s%s", report->measured ? "" : "at most ", window);
    }
    (void)printf("\n");
}

/* @quiet: what is not done is told by @error only. */
static LullExit
conclude(LullCli *cli, const Follow *self, gboolean quiet, GError **error)
{
    const char *word = lull_names_word(self->kind);
    const char *reason = NULL;
    const char *detail;

    if (self->gone) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "%s/%s: it was deleted before it came to its end", word, self->name);
        return LULL_EXIT_FAILED;
    }
    switch (lull_outcome_of(self->kind, self->last, &reason)) {
    case LULL_OUTCOME_DONE:
        say_done(cli, self);
        return LULL_EXIT_DONE;
    case LULL_OUTCOME_BELOW:
        if (!quiet)
            say_done(cli, self);
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s/%s: %s (%s); see lull show %s/%s", word,
                    self->name, reason, lull_meta_annotation(self->last, LULL_ANNOTATION_REQUIRE), word,
                    self->name);
        return LULL_EXIT_BELOW;
    case LULL_OUTCOME_FAILED:
    case LULL_OUTCOME_PENDING:
        break;
    }
    if (!quiet)
        (void)lull_cli_print_object(cli, self->kind, self->last);
    detail = lull_json_string(lull_json_at(self->last, "status", "error", NULL), "message", "");
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s/%s: failed: %s%s%s; see lull show %s/%s", word,
                self->name, reason, *detail && !g_str_equal(detail, reason) ? ": " : "",
                g_str_equal(detail, reason) ? "" : detail, word, self->name);
    return LULL_EXIT_FAILED;
}

static LullExit
follow_object(LullCli *cli, const LullKind *kind, LullJson *object, gint64 timeout, gboolean quiet,
              GError **error)
{
    FILE *stream = lull_format_is_table(cli->format) ? stdout : stderr;
    g_autofree char *subject = g_strdup_printf("%s/%s", lull_names_word(kind), lull_meta_name(object));
    g_autofree char *name = g_strdup(lull_meta_name(object));
    g_autofree char *uid = g_strdup(lull_meta_uid(object));
    g_autoptr(LullProgressView) view = lull_progress_view_new(stream, isatty(fileno(stream)) == 1, subject);
    Follow self = {.kind = kind, .name = name, .uid = uid, .view = view};
    LullExit exit_code = LULL_EXIT_FAILED;

    self.deadline = timeout ? lull_clock_boottime() + timeout : 0;
    self.last = json_object_get(object);
    lull_interrupt_say(
        "%slull: %s goes on; see how it stands with: lull show %s; wait for it with: lull wait %s\n",
        isatty(fileno(stream)) == 1 ? "\n" : "", subject, subject, subject);
    const gboolean over = see(&self, object) || follow(&self, cli, error);
    lull_interrupt_forget();
    g_clear_pointer(&view, lull_progress_view_free);
    if (over)
        exit_code = conclude(cli, &self, quiet, error);
    json_object_put(self.last);
    return exit_code;
}

LullExit
lull_follow_to_end(LullCli *cli, const LullKind *kind, LullJson *object, gint64 timeout, GError **error)
{
    return follow_object(cli, kind, object, timeout, FALSE, error);
}

LullExit
lull_follow_try(LullCli *cli, const LullKind *kind, LullJson *object, GError **error)
{
    return follow_object(cli, kind, object, 0, TRUE, error);
}

gboolean
lull_follow_until_gone(LullCli *cli, const LullKind *kind, const char *name, const char *uid, GError **error)
{
    Follow self = {.kind = kind, .name = name, .uid = uid, .until_gone = TRUE};
    GError *problem = NULL;
    gboolean gone = look_again(&self, cli, &problem);

    if (problem) {
        g_propagate_error(error, problem);
    } else if (!gone) {
        lull_interrupt_say("lull: the deletion of %s/%s goes on\n", lull_names_word(kind), name);
        gone = follow(&self, cli, error);
        lull_interrupt_forget();
    }
    json_object_put(self.last);
    return gone;
}
