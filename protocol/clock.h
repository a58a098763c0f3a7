/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/boot-clock.h"

G_BEGIN_DECLS

/* One time type everywhere: gint64 microseconds. The boot clock (CLOCK_BOOTTIME) goes on while a
 * machine sleeps, so a lease counted on it cannot be outlived by a suspended guest. Points in time
 * never travel between machines, only durations do. lull_clock_boottime() comes from boot-clock.h. */

/* Microseconds of wall clock since 1970, for what people read; never for a decision. */
gint64 lull_clock_realtime(void);

/* RFC 3339 in UTC, whole seconds ("2026-03-01T10:20:30Z"), as Kubernetes writes times. */
char *lull_clock_format(gint64 realtime_usec) G_GNUC_WARN_UNUSED_RESULT;

/* The reverse; fractions and offsets are understood. False leaves @ret_usec alone. */
gboolean lull_clock_parse(const char *text, gint64 *ret_usec);

/* This boot's identity (/proc/sys/kernel/random/boot_id), NULL where there is none. */
char *lull_clock_boot_id(void) G_GNUC_WARN_UNUSED_RESULT;

#define LULL_MSEC(n) ((gint64)(n)*1000)
#define LULL_SEC(n)  ((gint64)(n)*1000000)

G_END_DECLS
