/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A duration as kubectl shows ages: "42s", "5m10s", "3h", "2d4h", "<invalid>" for the future. */
char *lull_age_format(gint64 usec) G_GNUC_WARN_UNUSED_RESULT;

/* Milliseconds as one reads them: "26.0 ms", "2.50 s", "1m30s". */
char *lull_age_format_ms(double ms) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
