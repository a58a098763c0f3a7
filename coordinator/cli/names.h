/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"

G_BEGIN_DECLS

/* Names that the command line makes and takes. */

/* "VM-20260301-102030" at @now (wall clock), UTC; a VM name too long for that is cut. Always a valid name
 * where @vm is one. */
char *lull_names_generate(const char *vm, gint64 now) G_GNUC_WARN_UNUSED_RESULT;

/* The @n-th of that name, from 1 (itself) to LULL_NAMES_NEXT_MAX: "VM-20260301-102030-2". As valid. */
#define LULL_NAMES_NEXT_MAX 99
char *lull_names_next(const char *generated, guint n) G_GNUC_WARN_UNUSED_RESULT;

/* "NAME" or "WORD/NAME", where WORD is a kind's singular, plural or short name, with or without its group,
 * or "snapshot", "restore", "vm". *@ret_kind is NULL for a bare name. *@ret_name is lent. LULL_ERROR_INVALID
 * for an unknown word or a bad name. */
gboolean lull_names_split(const char *text, const LullKind **ret_kind, const char **ret_name, GError **error);

/* The short word for people: "snapshot", "restore", "vm". */
const char *lull_names_word(const LullKind *kind);

/* As LULL_ERROR_INVALID unless @name is one that the API takes; @what: "snapshot name". */
gboolean lull_names_check(const char *what, const char *name, GError **error);

G_END_DECLS
