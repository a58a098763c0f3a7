/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"

G_BEGIN_DECLS

/* A document held against a table of fields. Collects what is wrong, each with its full path, and goes
 * on; a null counts as absent. */
typedef struct {
    gboolean strict;  /* unknown fields are wrong */
    LullJson *causes; /* as lull_kind_check() gives them; NULL while nothing is wrong */
} LullCheck;

#define LULL_CAUSE_INVALID   "FieldValueInvalid"
#define LULL_CAUSE_REQUIRED  "FieldValueRequired"
#define LULL_CAUSE_NOT_FOUND "FieldValueNotFound"
#define LULL_CAUSE_TYPE      "FieldValueTypeInvalid"

void lull_check_add(LullCheck *self, const char *reason, const char *path, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
void lull_check_fields(LullCheck *self, const char *path, const LullField *fields, LullJson *object);

/* Text from outside, quoted for a message: cut short, without control characters. */
char *lull_check_quote(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* @path.@key, the key made safe to show as above. */
char *lull_check_join(const char *path, const char *key) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
