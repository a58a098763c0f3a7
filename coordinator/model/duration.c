/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/error.h"

#define NSEC_PER_USEC G_GUINT64_CONSTANT(1000)
#define NSEC_PER_SEC  G_GUINT64_CONSTANT(1000000000)

typedef struct {
    const char *name;
    guint64 nsec;
} Unit;

/* Both spellings of the micro sign, as Go has them. */
static const Unit units[] = {
    {"ns", 1},
    {"us", NSEC_PER_USEC},
    {"\302\265s", NSEC_PER_USEC},
    {"\316\274s", NSEC_PER_USEC},
    {"ms", 1000 * NSEC_PER_USEC},
    {"s", NSEC_PER_SEC},
    {"m", 60 * NSEC_PER_SEC},
    {"h", 3600 * NSEC_PER_SEC},
};

static const Unit *
take_unit(const char **cursor)
{
    const size_t length = strcspn(*cursor, "0123456789.");

    for (gsize i = 0; i < G_N_ELEMENTS(units); i++)
        if (strlen(units[i].name) == length && strncmp(units[i].name, *cursor, length) == 0) {
            *cursor += length;
            return &units[i];
        }
    return NULL;
}

/* One number with its unit; @bare: a number that ends the text counts seconds. */
static gboolean
take_part(const char **cursor, gboolean bare, guint64 *ret_nsec)
{
    static const Unit seconds = {"s", NSEC_PER_SEC};
    const Unit *unit;
    guint64 whole = 0, nsec;
    double fraction = 0, scale = 1;
    gboolean digits = FALSE;

    for (; g_ascii_isdigit(**cursor); (*cursor)++, digits = TRUE)
        if (!g_uint64_checked_mul(&whole, whole, 10) ||
            !g_uint64_checked_add(&whole, whole, (guint64)(**cursor - '0')))
            return FALSE;
    if (**cursor == '.')
        for ((*cursor)++; g_ascii_isdigit(**cursor); (*cursor)++, digits = TRUE)
            if (scale < 1e15) {
                scale *= 10;
                fraction += (**cursor - '0') / scale;
            }
    if (!digits)
        return FALSE;
    unit = bare && **cursor == '\0' ? &seconds : take_unit(cursor);
    if (!unit || !g_uint64_checked_mul(&nsec, whole, unit->nsec) ||
        !g_uint64_checked_add(&nsec, nsec, (guint64)(fraction * (double)unit->nsec + 0.5)))
        return FALSE;
    *ret_nsec = nsec;
    return TRUE;
}

/* 0 means something else than very short. */
static gint64
at_least_one(gint64 usec, gboolean is_something)
{
    return usec == 0 && is_something ? 1 : usec;
}

static gboolean
parse(const char *text, gint64 *ret_usec)
{
    const char *cursor = text;
    const gboolean negative = *cursor == '-';
    guint64 total = 0;

    if (*cursor == '-' || *cursor == '+')
        cursor++;
    const char *first = cursor;
    do {
        guint64 nsec;
        if (!take_part(&cursor, cursor == first, &nsec) || !g_uint64_checked_add(&total, total, nsec))
            return FALSE;
    } while (*cursor);
    if (total > G_MAXINT64)
        return FALSE;
    *ret_usec = at_least_one((gint64)(total / NSEC_PER_USEC), total > 0) * (negative ? -1 : 1);
    return TRUE;
}

gboolean
lull_duration_parse(const char *text, gint64 *ret_usec, GError **error)
{
    g_autofree char *shown = NULL;

    if (parse(text, ret_usec))
        return TRUE;
    shown = g_utf8_substring(text, 0, MIN(g_utf8_strlen(text, -1), 40));
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "\"%s\" is no duration: expected numbers with units such as \"5m\", \"300ms\" or \"2h45m\", "
                "or a number of seconds",
                shown);
    return FALSE;
}

gboolean
lull_duration_from_json(LullJson *value, gint64 *ret_usec, GError **error)
{
    double seconds;

    if (json_object_is_type(value, json_type_string))
        return lull_duration_parse(json_object_get_string(value), ret_usec, error);
    if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "expected a duration: a string such as \"5m\", or a number of seconds");
        return FALSE;
    }
    seconds = json_object_get_double(value);
    if (!isfinite(seconds) || fabs(seconds) > (double)(G_MAXINT64 / (gint64)NSEC_PER_SEC)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%g seconds is no duration: out of range",
                    seconds);
        return FALSE;
    }
    *ret_usec =
        at_least_one(llround(fabs(seconds) * G_USEC_PER_SEC), fabs(seconds) > 0) * (seconds < 0 ? -1 : 1);
    return TRUE;
}
