/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/quantity.h"

#include <string.h>

#define MAX_DIGITS   40
#define MAX_EXPONENT 18

typedef struct {
    const char *text;
    guint base, power;
} Suffix;

static long double
power_of(guint base, guint exponent)
{
    long double result = 1;

    while (exponent--)
        result *= base;
    return result;
}

/* The digits before and after the point, of which there must be some. NULL: none, or too many. */
static const char *
parse_number(const char *text, long double *ret_number)
{
    const char *end = text;
    long double number = 0, place = 1;
    gboolean after_point = FALSE, any = FALSE;

    for (; g_ascii_isdigit(*end) || (*end == '.' && !after_point); end++) {
        if (end - text >= MAX_DIGITS)
            return NULL;
        if (*end == '.') {
            after_point = TRUE;
            continue;
        }
        any = TRUE;
        if (after_point)
            number += (long double)(*end - '0') / (place *= 10);
        else
            number = number * 10 + (long double)(*end - '0');
    }
    *ret_number = number;
    return any ? end : NULL;
}

/* "e6", "E-3". */
static gboolean
parse_exponent(const char *text, long double *number)
{
    const gboolean negative = text[1] == '-';
    const char *digits = text + 1 + (negative || text[1] == '+');
    guint64 power = 0;

    if ((*text != 'e' && *text != 'E') ||
        !g_ascii_string_to_unsigned(digits, 10, 0, MAX_EXPONENT, &power, NULL))
        return FALSE;
    *number = negative ? *number / power_of(10, (guint)power) : *number * power_of(10, (guint)power);
    return TRUE;
}

gboolean
lull_quantity_parse(const char *text, long double *ret_amount)
{
    static const Suffix large[] = {{"", 10, 0},     {"k", 10, 3},    {"M", 10, 6},    {"G", 10, 9},
                                   {"T", 10, 12},   {"P", 10, 15},   {"E", 10, 18},   {"Ki", 1024, 1},
                                   {"Mi", 1024, 2}, {"Gi", 1024, 3}, {"Ti", 1024, 4}, {"Pi", 1024, 5},
                                   {"Ei", 1024, 6}};
    static const Suffix small[] = {{"m", 10, 3}, {"u", 10, 6}, {"n", 10, 9}};
    long double number = 0;
    const char *rest = text ? parse_number(text + (*text == '+'), &number) : NULL;

    if (!rest)
        return FALSE;
    *ret_amount = number;
    for (gsize i = 0; i < G_N_ELEMENTS(large); i++)
        if (g_str_equal(rest, large[i].text)) {
            *ret_amount *= power_of(large[i].base, large[i].power);
            return TRUE;
        }
    for (gsize i = 0; i < G_N_ELEMENTS(small); i++)
        if (g_str_equal(rest, small[i].text)) {
            *ret_amount /= power_of(small[i].base, small[i].power);
            return TRUE;
        }
    return parse_exponent(rest, ret_amount);
}
