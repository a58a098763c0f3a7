/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/progress.h"

#include "coordinator/cli/text.h"
#include "coordinator/model/age.h"
#include "coordinator/model/size.h"
#include "protocol/clock.h"

#define BAR        24
#define MAX_REASON 40 /* columns, on the bar's line */

struct _LullProgressView {
    FILE *stream;
    gboolean terminal;
    char *subject;
    gint64 begun;
    char *step;
    char *waiting; /* NULL: for nothing */
    gint permille;
    guint64 bytes, of_bytes;
    gint quarter; /* told last */
};

LullProgressView *
lull_progress_view_new(FILE *stream, gboolean terminal, const char *subject)
{
    LullProgressView *self = g_new0(LullProgressView, 1);

    self->stream = stream;
    self->terminal = terminal;
    self->subject = g_strdup(subject);
    self->begun = lull_clock_boottime();
    return self;
}

char *
lull_progress_bar(const char *subject, const LullProgress *progress, gint64 elapsed)
{
    g_autofree char *age = lull_age_format(elapsed);
    g_autofree char *reason = progress->waiting ? lull_text_clean(progress->waiting, MAX_REASON) : NULL;
    GString *line = g_string_new(NULL);

    g_string_printf(line, "%s  %-9s ", subject, progress->step);
    if (progress->permille >= 0) {
        const gint full = progress->permille * BAR / 1000;

        g_string_append_c(line, '[');
        for (gint i = 0; i < BAR; i++)
            g_string_append_c(line, i < full ? '#' : '.');
        g_string_append_printf(line, "] %3d%% ", progress->permille / 10);
    }
    if (progress->of_bytes > 0) {
        g_autofree char *now = lull_size_format(progress->bytes);
        g_autofree char *all = lull_size_format(progress->of_bytes);

        g_string_append_printf(line, " %s of %s ", now, all);
    }
    g_string_append_printf(line, " %s", age);
    if (reason)
        g_string_append_printf(line, "  (%s)", reason);
    return g_string_free(line, FALSE);
}

static void
tell(LullProgressView *self, const LullProgress *progress)
{
    g_autofree char *reason = progress->waiting ? lull_text_clean(progress->waiting, 0) : NULL;

    if (reason)
        (void)fprintf(self->stream, "%s: waiting: %s\n", self->subject, reason);
    else if (progress->permille > 0)
        (void)fprintf(self->stream, "%s: %s %d%%\n", self->subject, progress->step, progress->permille / 10);
    else
        (void)fprintf(self->stream, "%s: %s\n", self->subject, progress->step);
    (void)fflush(self->stream);
}

void
lull_progress_view_update(LullProgressView *self, const LullProgress *progress)
{
    const gint quarter = progress->permille < 0 ? 0 : progress->permille / 250;
    const gboolean news = g_strcmp0(self->step, progress->step) != 0 || quarter > self->quarter ||
                          g_strcmp0(self->waiting, progress->waiting) != 0;

    g_free(self->step);
    self->step = g_strdup(progress->step);
    g_free(self->waiting);
    self->waiting = g_strdup(progress->waiting);
    self->permille = progress->permille;
    self->bytes = progress->bytes;
    self->of_bytes = progress->of_bytes;
    if (!self->terminal && news)
        tell(self, progress);
    self->quarter = quarter;
    lull_progress_view_tick(self);
}

void
lull_progress_view_tick(LullProgressView *self)
{
    const LullProgress progress = {.step = self->step,
                                   .waiting = self->waiting,
                                   .permille = self->permille,
                                   .bytes = self->bytes,
                                   .of_bytes = self->of_bytes};
    g_autofree char *line = NULL;

    if (!self->terminal || !self->step)
        return;
    line = lull_progress_bar(self->subject, &progress, lull_clock_boottime() - self->begun);
    (void)fprintf(self->stream, "\r\033[K%s", line);
    (void)fflush(self->stream);
}

void
lull_progress_view_free(LullProgressView *self)
{
    if (!self)
        return;
    if (self->terminal && self->step)
        (void)fprintf(self->stream, "\r\033[K");
    (void)fflush(self->stream);
    g_free(self->subject);
    g_free(self->step);
    g_free(self->waiting);
    g_free(self);
}
