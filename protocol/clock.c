/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/clock.h"

gint64
lull_clock_realtime(void)
{
    return g_get_real_time();
}

char *
lull_clock_format(gint64 realtime_usec)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(realtime_usec / G_USEC_PER_SEC);

    return when ? g_date_time_format(when, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("1970-01-01T00:00:00Z");
}

gboolean
lull_clock_parse(const char *text, gint64 *ret_usec)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) when = text ? g_date_time_new_from_iso8601(text, utc) : NULL;

    if (!when)
        return FALSE;
    *ret_usec = g_date_time_to_unix(when) * G_USEC_PER_SEC + g_date_time_get_microsecond(when);
    return TRUE;
}

char *
lull_clock_boot_id(void)
{
    char *text = NULL;

    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
        return NULL;
    return g_strchomp(text);
}
