/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/http-date.h"

#include "protocol/clock.h"

/* A date has whole seconds, and clocks that are kept differ by less. */
#define MEANS_NOTHING LULL_SEC(2)

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

gint64
lull_http_skew(const char *date, gint64 asked, gint64 now)
{
    gint64 then = 0;

    if (!lull_http_date_parse(date, &then) || (then >= asked - MEANS_NOTHING && then <= now + MEANS_NOTHING))
        return 0;
    return then + LULL_MSEC(500) - (asked + now) / 2;
}
