/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/age.h"

#include "protocol/clock.h"

/* "3h5m", or "3h" where the rest is nothing. */
static char *
two_units(gint64 large, char large_unit, gint64 small, char small_unit)
{
    if (!small)
        return g_strdup_printf("%" G_GINT64_FORMAT "%c", large, large_unit);
    return g_strdup_printf("%" G_GINT64_FORMAT "%c%" G_GINT64_FORMAT "%c", large, large_unit, small,
                           small_unit);
}

char *
lull_age_format(gint64 usec)
{
    const gint64 s = usec / LULL_SEC(1);
    const gint64 m = s / 60;
    const gint64 h = m / 60;
    const gint64 d = h / 24;

    if (usec < -LULL_SEC(1))
        return g_strdup("<invalid>");
    if (s < 120)
        return two_units(MAX(s, 0), 's', 0, 0);
    if (m < 10)
        return two_units(m, 'm', s % 60, 's');
    if (h < 3)
        return two_units(m, 'm', 0, 0);
    if (h < 8)
        return two_units(h, 'h', m % 60, 'm');
    if (h < 48)
        return two_units(h, 'h', 0, 0);
    if (d < 8)
        return two_units(d, 'd', h % 24, 'h');
    if (d < 2 * 365)
        return two_units(d, 'd', 0, 0);
    return d < 8 * 365 ? two_units(d / 365, 'y', d % 365, 'd') : two_units(d / 365, 'y', 0, 0);
}

char *
lull_age_format_ms(double ms)
{
    char digits[G_ASCII_DTOSTR_BUF_SIZE];

    if (ms < 1000)
        return g_strconcat(g_ascii_formatd(digits, sizeof digits, "%.1f", ms), " ms", NULL);
    if (ms < 60000)
        return g_strconcat(g_ascii_formatd(digits, sizeof digits, "%.2f", ms / 1000), " s", NULL);
    return lull_age_format((gint64)(ms * 1000));
}
