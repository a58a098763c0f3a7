/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/error.h"

G_DEFINE_QUARK(lull - error - quark, lull_error)

static const char *const code_names[] = {
    [LULL_ERROR_FAILED] = "failed",       [LULL_ERROR_INVALID] = "invalid",
    [LULL_ERROR_NOT_FOUND] = "not-found", [LULL_ERROR_EXISTS] = "exists",
    [LULL_ERROR_CONFLICT] = "conflict",   [LULL_ERROR_BUSY] = "busy",
    [LULL_ERROR_DENIED] = "denied",       [LULL_ERROR_TIMED_OUT] = "timed-out",
    [LULL_ERROR_VETOED] = "vetoed",       [LULL_ERROR_UNSUPPORTED] = "unsupported",
    [LULL_ERROR_LOST] = "lost",           [LULL_ERROR_EXPIRED] = "expired",
    [LULL_ERROR_NO_SPACE] = "no-space",
};
G_STATIC_ASSERT(G_N_ELEMENTS(code_names) == LULL_ERROR_N_CODES);

const char *
lull_error_code_to_string(int code)
{
    return code >= 0 && code < LULL_ERROR_N_CODES ? code_names[code] : code_names[LULL_ERROR_FAILED];
}

gboolean
lull_error_is(const GError *error, LullError code)
{
    return g_error_matches(error, LULL_ERROR, (int)code);
}
