/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/model/kind.h"
#include "coordinator/store/serve/accept.h"

G_BEGIN_DECLS

/* What a row of a table carries besides its cells. */
typedef enum { LULL_INCLUDE_METADATA = 0, LULL_INCLUDE_NONE, LULL_INCLUDE_OBJECT } LullInclude;

/* How objects of one kind are shown to one client: version and form. @kind and strings are lent. */
typedef struct {
    const LullKind *kind;
    const char *version; /* "v1beta1" */
    LullAccept form;
    LullInclude include;
} LullPresent;

/* FALSE: no such word. NULL: the default. */
gboolean lull_include_parse(const char *word, LullInclude *ret_include);

/* Objects are shown exactly as they are stored: then they may be raw. */
gboolean lull_present_is_stored(const LullPresent *self);

/* New documents; objects given are changed to the version asked for. */
LullJson *lull_present_object(const LullPresent *self, LullJson *object) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_present_list(const LullPresent *self, LullJson *list) G_GNUC_WARN_UNUSED_RESULT;

/* The object of a BOOKMARK event. @initial_end: the first state is complete. */
LullJson *lull_present_bookmark(const LullPresent *self, const char *resource_version,
                                gboolean initial_end) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
