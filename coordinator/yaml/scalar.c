/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/yaml/scalar.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "protocol/error.h"

static gboolean
is_one_of(const char *text, const char *const *words)
{
    return g_strv_contains(words, text);
}

/* [-+]? digits of the base, nothing else. */
static gboolean
is_integer(const char *text)
{
    const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
    const char *allowed = g_str_has_prefix(text, "0x")   ? "0123456789abcdefABCDEF"
                          : g_str_has_prefix(text, "0o") ? "01234567"
                                                         : "0123456789";

    if (strlen(allowed) != 10)
        digits = text + 2;
    return *digits && digits[strspn(digits, allowed)] == '\0';
}

/* [-+]? ( . digits | digits ( . digits* )? ) ( e [-+]? digits )? */
static gboolean
is_float(const char *text)
{
    const char *at = *text == '-' || *text == '+' ? text + 1 : text;
    const gsize whole = strspn(at, "0123456789");
    gsize fraction = 0;

    at += whole;
    if (*at == '.') {
        fraction = strspn(at + 1, "0123456789");
        at += 1 + fraction;
    }
    if (!whole && !fraction)
        return FALSE;
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        const gsize exponent = strspn(at, "0123456789");
        if (!exponent)
            return FALSE;
        at += exponent;
    }
    return *at == '\0';
}

static LullJson *
integer(const char *text, GError **error)
{
    const int base = g_str_has_prefix(text, "0x") ? 16 : g_str_has_prefix(text, "0o") ? 8 : 10;
    gint64 value;

    errno = 0;
    value = g_ascii_strtoll(base == 10 ? text : text + 2, NULL, base);
    if (errno) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "%.40s is too large for a number; put it in quotes if it is text", text);
        return NULL;
    }
    return json_object_new_int64(value);
}

static LullJson *
real(const char *text, GError **error)
{
    const double value = g_ascii_strtod(text, NULL);

    if (!isfinite(value)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%.40s is too large for a number", text);
        return NULL;
    }
    return json_object_new_double(value);
}

LullJson *
lull_yaml_scalar_parse(const char *text, GError **error)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    static const char *const no_numbers[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF", "-.inf",
                                             "-.Inf", "-.INF", "+.inf", "+.Inf", "+.INF", NULL};

    if (is_one_of(text, nulls))
        return NULL;
    if (is_one_of(text, trues) || is_one_of(text, falses))
        return json_object_new_boolean(is_one_of(text, trues));
    if (is_integer(text))
        return integer(text, error);
    if (is_float(text))
        return real(text, error);
    if (is_one_of(text, no_numbers)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s has no form in JSON", text);
        return NULL;
    }
    return json_object_new_string(text);
}
