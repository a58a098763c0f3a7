/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"
#include "protocol/names.h"

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

/* Where the kinds' first implementation has a text for a rule, ours begins with it. */
#define LULL_FAULT_FIXED          "spec in immutable after creation"
#define LULL_FAULT_NO_GROUP       "missing apiGroup: expected " LULL_GROUP_VM
#define LULL_FAULT_GROUP          "invalid apiGroup: expected " LULL_GROUP_VM
#define LULL_FAULT_KIND           "invalid kind: expected VirtualMachine"
#define LULL_FAULT_NO_VOLUME_NAME "must provide a volume name"
#define LULL_FAULT_NO_OVERRIDE    "must provide at least one overriden field: restoreName, labels or annotations"
#define LULL_FAULT_PATCH          "patch format is not valid - expected one JSON Patch operation, an object, as text"
#define LULL_FAULT_PATCH_OP \
    "patch format is not valid - op must be one of add, remove, replace, move, copy, test"
#define LULL_FAULT_PATCH_PATH "patching is valid only for elements under /spec/ only"
#define LULL_FAULT_PATCH_MORE "(labels and annotations of /metadata/ besides)"

/* Bounds of what a restore may say, so that the cost of checking it is one too. */
#define LULL_RESTORE_MAX_OVERRIDES 256
#define LULL_RESTORE_MAX_PATCHES   64
#define LULL_RESTORE_MAX_PATCH     16384

void lull_check_add(LullCheck *self, const char *reason, const char *path, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
void lull_check_fields(LullCheck *self, const char *path, const LullField *fields, LullJson *object);

/* Text from outside, quoted for a message: cut short, without control characters. */
char *lull_check_quote(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* @path.@key, the key made safe to show as above. */
char *lull_check_join(const char *path, const char *key) G_GNUC_WARN_UNUSED_RESULT;

/* "volume restore policy SUBJECT doesn't exist: expected one of ..." for volumeRestorePolicy. */
char *lull_check_not_among(const LullField *field, const char *subject) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
