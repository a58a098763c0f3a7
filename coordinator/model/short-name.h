/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "BASE-SUFFIX", or, where that is longer than a label may be (63 characters), shortened as the reference
 * does it, so that who knows both finds it: as much of @base as there is room for, a sum of it, and the
 * suffix. */
char *lull_short_name(const char *base, const char *suffix) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
