/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* The objects in a file that somebody wants to apply, every one of them checked. */

typedef struct {
    const LullKind *kind;
    LullJson *object;
    char *place; /* "FILE:LINE" of its beginning */
} LullApplyEntry;

/* Where they are to be. */
typedef struct {
    const char *ns;    /* that the objects without one are for, and those with another are refused */
    const char *group; /* that has the kinds there */
    gboolean cluster;
} LullApplyScope;

extern const LullApplyScope lull_apply_host; /* a plain host */

/* @name: of the file, for messages. Of LullApplyEntry, in order. LULL_ERROR_INVALID names "FILE:LINE", the
 * document where there are several, the field and the fault; each fault is a line of its own. */
GPtrArray *lull_apply_parse(const char *name, const char *text, gsize length, const LullApplyScope *scope,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Reads @path, "-" is the standard input, and parses it. */
GPtrArray *
lull_apply_read(const char *path, const LullApplyScope *scope, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
