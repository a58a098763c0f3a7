/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/http-date.h"

#include "protocol/clock.h"

/* A date has whole seconds, and clocks that are kept differ by less. */
#define MEANS_NOTHING LULL_SEC(2)
#define TOO_LONG      LULL_SEC(2)

gboolean
lull_http_date_parse(const char *text, gint64 *ret_usec)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    g_auto(GStrv) parts = g_strsplit(text, " ", 7);

    if (g_strv_length(parts) != 6)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(months); i++) {
        g_autofree char *iso =
            g_str_equal(parts[2], months[i])
                ? g_strdup_printf("%.4s-%02u-%.2s%c%.8sZ", parts[3], i + 1, parts[1], 'T', parts[4])
                : NULL;
        if (iso)
            return lull_clock_parse(iso, ret_usec);
    }
    return FALSE;
}

/* An answer is dated when it is given. */
static gint64
skew_of(gint64 date, gint64 asked, gint64 now)
{
    if (date >= asked - MEANS_NOTHING && date <= now + MEANS_NOTHING)
        return 0;
    return date + LULL_MSEC(500) - now;
}

static gboolean
agree(gint64 one, gint64 other)
{
    return ABS(one - other) <= MEANS_NOTHING;
}

void
lull_http_clock_hear(LullHttpClock *self, gint64 date, gint64 asked, gint64 now)
{
    const gint64 skew = skew_of(date, asked, now);
    const gboolean agreed = agree(skew, self->skew) || (self->has_other && agree(skew, self->other));

    if (self->is_known && now - asked > TOO_LONG)
        return;
    if (self->is_known && !agreed) {
        self->other = skew;
        self->has_other = TRUE;
        return;
    }
    self->skew = skew;
    self->is_known = TRUE;
    self->has_other = FALSE;
}
