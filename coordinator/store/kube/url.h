/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"

G_BEGIN_DECLS

/* Paths of the REST API. Every part is percent-encoded, so that no name can leave its place in the
 * path. Owned by the caller. */

/* "/apis/GROUP/VERSION[/namespaces/NS]/PLURAL[/NAME]"; @ns NULL: all namespaces, or none; @name NULL: the
 * collection. */
char *lull_url_object(const LullKind *kind, const char *ns, const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* The object's status. */
char *lull_url_status(const LullKind *kind, const char *ns, const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* What a request asks for beside its path; zero and NULL are left out. */
typedef struct {
    const char *label_selector;
    const char *field_selector;
    guint limit;
    const char *continue_token;   /* of a list: stands for its version, which is left out then */
    const char *resource_version; /* opaque */
    gboolean watch;
    gboolean bookmarks;
    guint timeout_s;  /* after which the server ends a watch */
    gboolean strict;  /* of a write: a field that the server does not know is an error, and not dropped */
    gboolean dry_run; /* of a write: all of it but keeping it */
} LullUrlQuery;

/* "PATH?limit=500&..." in a fixed order; @path alone where nothing is asked for. */
char *lull_url_query(const char *path, const LullUrlQuery *query) G_GNUC_WARN_UNUSED_RESULT;

/* KubeVirt's freeze and unfreeze of a running machine. */
char *lull_url_subresource(const char *ns, const char *vm, const char *subresource) G_GNUC_WARN_UNUSED_RESULT;

/* The same of the machine, which also one has that is off. */
char *lull_url_machine_subresource(const char *ns, const char *vm,
                                   const char *subresource) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
