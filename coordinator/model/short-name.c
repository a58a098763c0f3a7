/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/short-name.h"

#include <string.h>

#define MAX_NAME      63
#define SUM           8 /* hexadecimal digits */
#define FNV_32_OFFSET 2166136261U
#define FNV_32_PRIME  16777619U

static guint32
fnv_1a(const char *text)
{
    guint32 hash = FNV_32_OFFSET;

    for (const guchar *byte = (const guchar *)text; *byte; byte++)
        hash = (hash ^ *byte) * FNV_32_PRIME;
    return hash;
}

char *
lull_short_name(const char *base, const char *suffix)
{
    g_autofree char *whole = g_strconcat(base, "-", suffix, NULL);
    const gsize length = strlen(suffix);

    if (strlen(whole) <= MAX_NAME)
        return g_steal_pointer(&whole);
    if (length < MAX_NAME - SUM - 2)
        return g_strdup_printf("%.*s-%08x-%s", (int)(MAX_NAME - SUM - 2 - length), base, fnv_1a(base),
                               suffix);
    return g_strdup_printf("%.*s-%08x", MAX_NAME - SUM - 1, base, fnv_1a(whole));
}
