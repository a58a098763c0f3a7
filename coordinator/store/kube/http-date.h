/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "Sun, 06 Nov 1994 08:49:37 GMT", what HTTP has for points in time. Wall clock, usec. FALSE: it is none. */
gboolean lull_http_date_parse(const char *text, gint64 *ret_usec);

/* What is known of the clock of a server, by its answers. Zeroed: nothing. */
typedef struct {
    gint64 skew;  /* usec that it is before ours, or behind it (less than 0); 0: it may be right */
    gint64 other; /* what one answer said that did not agree with that */
    gboolean is_known, has_other;
} LullHttpClock;

/* An answer to what was @asked, dated @date by the server, has come @now. Of what took long it is not known
 * whether it was long on its way; and who is not the server may answer once in its place: what is known steps
 * by two answers, which agree. */
void lull_http_clock_hear(LullHttpClock *self, gint64 date, gint64 asked, gint64 now);

G_END_DECLS
