/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* An amount as Kubernetes writes it: "10Gi", "1.5G", "128974848", "12e6", "400m". FALSE: it is none, or
 * negative. Exact for whole numbers below 2^64. */
gboolean lull_quantity_parse(const char *text, long double *ret_amount);

G_END_DECLS
