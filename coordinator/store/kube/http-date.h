/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "Sun, 06 Nov 1994 08:49:37 GMT", what HTTP has for points in time. Wall clock, usec. FALSE: it is none. */
gboolean lull_http_date_parse(const char *text, gint64 *ret_usec);

/* How far the clock of who answered with @date, between @asked and @now of ours, is before ours, usec, or
 * behind it (less than 0). 0: it may be right, or that is no date. */
gint64 lull_http_skew(const char *date, gint64 asked, gint64 now);

G_END_DECLS
