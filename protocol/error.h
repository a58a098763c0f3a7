/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The one error domain that both sides of the wire speak. Codes are few and each means an action
 * for the caller; everything else is in the message: what was tried, on what, why, what to do,
 * lower case, no full stop, so that prefixes chain. Numbers are public: never reuse one. */
#define LULL_ERROR (lull_error_quark())
GQuark lull_error_quark(void);

typedef enum {
    LULL_ERROR_FAILED = 0,      /* it went wrong; the message says how */
    LULL_ERROR_INVALID = 1,     /* the request is wrong: do not repeat it unchanged */
    LULL_ERROR_NOT_FOUND = 2,   /* the thing named does not exist */
    LULL_ERROR_EXISTS = 3,      /* a thing of that name is there already */
    LULL_ERROR_CONFLICT = 4,    /* it changed meanwhile: read again, decide again */
    LULL_ERROR_BUSY = 5,        /* somebody else holds it: try later */
    LULL_ERROR_DENIED = 6,      /* not allowed */
    LULL_ERROR_TIMED_OUT = 7,   /* time was the reason */
    LULL_ERROR_VETOED = 8,      /* a participant said no */
    LULL_ERROR_UNSUPPORTED = 9, /* the other side does not know this */
    LULL_ERROR_LOST = 10,       /* the other side went away */
    LULL_ERROR_EXPIRED = 11,    /* a position in a stream is too old: list again */
    LULL_ERROR_NO_SPACE = 12,   /* the disk that must take the data is full */
    LULL_ERROR_N_CODES
} LullError;

/* The code as a word ("timed-out"), for tools that tell failures apart; "failed" for a number out of range.
 * On the wire and in logs there are messages only. */
const char *lull_error_code_to_string(int code);

/* True for a LULL_ERROR of exactly this code. @error may be NULL (false). */
gboolean lull_error_is(const GError *error, LullError code);

G_END_DECLS
