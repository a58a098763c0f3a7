/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/timeline.h"

#include <math.h>

#include "coordinator/cli/text.h"
#include "coordinator/model/age.h"

#define WIDTH    50 /* columns of the drawing */
#define MAX_CUTS 16 /* rows; more are counted */

/* The drawing's time axis: milliseconds since the freeze request. */
typedef struct {
    GString *text;
    const char *indent;
    double frozen; /* where the freeze was done */
    double thaw;   /* where the thaw began */
    double end;
} Axis;

static double
known(double ms)
{
    return ms >= 0 ? ms : 0;
}

static void
measure(Axis *axis, const LullReport *report)
{
    double last_cut = 0;

    for (guint i = 0; i < report->volumes->len; i++)
        last_cut = MAX(last_cut, ((const LullReportRow *)report->volumes->pdata[i])->at_ms);
    axis->frozen = known(report->freeze_ms);
    axis->thaw = MAX(axis->frozen + known(report->cut_ms), last_cut);
    axis->end = MAX(axis->thaw + known(report->thaw_ms), known(report->window_ms));
}

static guint
column(const Axis *axis, double ms)
{
    if (axis->end <= 0)
        return 0;
    return (guint)lrint(CLAMP(ms / axis->end, 0, 1) * WIDTH);
}

static void
begin_row(Axis *axis, const char *name, double ms)
{
    g_autofree char *number = ms >= 0 ? lull_age_format_ms(ms) : g_strdup("unknown");

    g_string_append_printf(axis->text, "%s%-8s%10s ", axis->indent, name, number);
}

/* A row whose step lasted from @from to @to; whatever was not nothing is at least one mark. */
static void
draw_bar(Axis *axis, const char *name, double ms, double from, double to, char mark)
{
    guint first = column(axis, from), last = column(axis, to);

    if (last == first && ms > 0)
        *(first < WIDTH ? &last : &first) += first < WIDTH ? 1 : (guint)-1;
    begin_row(axis, name, ms);
    g_string_append_c(axis->text, '|');
    for (guint i = 0; i < WIDTH; i++)
        g_string_append_c(axis->text, i >= first && i < last ? mark : ' ');
    g_string_append(axis->text, "|\n");
}

static void
draw_cut(Axis *axis, const LullReportRow *volume)
{
    const guint at = MIN(column(axis, known(volume->at_ms)), WIDTH - 1);

    begin_row(axis, "cut", volume->at_ms);
    g_string_append_c(axis->text, '|');
    for (guint i = 0; i < WIDTH; i++)
        g_string_append_c(axis->text, i == at && volume->at_ms >= 0 ? '^' : ' ');
    g_string_append_printf(axis->text, "| %s\n", volume->name);
}

static void
draw_scale(Axis *axis)
{
    g_autofree char *end = lull_age_format_ms(axis->end);

    g_string_append_printf(axis->text, "%s%-19s|0%*s|\n", axis->indent, "", WIDTH - 1, end);
}

static void
draw_window(Axis *axis, const LullReport *report)
{
    begin_row(axis, "window", report->window_ms);
    g_string_append_printf(axis->text, " %s\n",
                           report->measured ? "measured, on the guest's clock"
                                            : "upper bound: from the host's request to the guest's reply");
}

char *
lull_timeline_draw(const LullReport *report, const char *indent)
{
    Axis axis = {.indent = indent};

    measure(&axis, report);
    if (report->window_ms < 0 && report->freeze_ms < 0 && report->thaw_ms < 0)
        return NULL;
    axis.text = g_string_new(NULL);
    if (report->prepare_ms >= 0) {
        begin_row(&axis, "prepare", report->prepare_ms);
        g_string_append(axis.text, " before anything was blocked\n");
    }
    draw_scale(&axis);
    draw_bar(&axis, "freeze", report->freeze_ms, 0, axis.frozen, '#');
    draw_bar(&axis, "frozen", axis.thaw - axis.frozen, axis.frozen, axis.thaw, '=');
    for (guint i = 0; i < MIN(report->volumes->len, MAX_CUTS); i++)
        draw_cut(&axis, report->volumes->pdata[i]);
    if (report->volumes->len > MAX_CUTS)
        g_string_append_printf(axis.text, "%s%-19s| and %u more\n", indent, "",
                               report->volumes->len - MAX_CUTS);
    draw_bar(&axis, "thaw", report->thaw_ms, axis.thaw, axis.thaw + known(report->thaw_ms), '#');
    if (report->window_ms >= 0)
        draw_window(&axis, report);
    return g_string_free(axis.text, FALSE);
}
