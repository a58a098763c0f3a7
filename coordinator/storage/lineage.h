/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* Who is based on whom among the stored contents, as their manifests say. A content names its `parent`; those
 * of its volumes whose `copy` is "incremental" have the parent's file of the same name behind them, by the
 * relative name ../<parent>/<file>. A content has one child at most. */

typedef struct {
    char *uid;         /* of the content */
    char *parent;      /* NULL: none */
    LullJson *json;    /* its manifest; of an attempt, its description */
    gboolean attempt;  /* not sealed, and perhaps going to be */
    gboolean removing; /* it is to go, and nothing may be based on it any more */
} LullMember;

/* All of @vm_uid (NULL: of all machines) below @directory. One whose manifest means nothing is left out; what
 * cannot be read just now is an error, so that it is never taken for one that is not there. */
GPtrArray *
lull_lineage_read(const char *directory, const char *vm_uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Lent; NULL for none. find: sealed ones only. child: a sealed one before an attempt. */
LullMember *lull_lineage_find(GPtrArray *members, const char *uid);
LullMember *lull_lineage_child(GPtrArray *members, const char *uid);

/* Contents from @uid up to the full one; 0 where one of them is missing, or they go round in a circle. */
guint lull_lineage_length(GPtrArray *members, const char *uid);

/* Whether all that is based on @uid, however far down, is to go as well. */
gboolean lull_lineage_all_removing(GPtrArray *members, const char *uid);

/* Whether @uid has no more than one child that is sealed: whatever else there is would lose what it needs by
 * a merge. */
gboolean lull_lineage_is_line(GPtrArray *members, const char *uid);

/* Whether there are attempts of another content than @content_uid. */
gboolean lull_lineage_is_being_made(GPtrArray *members, const char *content_uid);

/* What an attempt of @content_uid is to be based on: it made one of @checkpoints (names of ours), and nothing
 * is based on it, nor will be by another content's attempt. */
LullMember *lull_lineage_leaf(GPtrArray *members, GPtrArray *checkpoints, const char *content_uid);

LullJson *lull_lineage_volume(LullJson *manifest, const char *name);
gboolean lull_lineage_is_incremental(LullJson *volume);

/* The name by which a volume's file refers to its parent's. */
char *lull_lineage_backing(const char *parent, const char *volume) G_GNUC_WARN_UNUSED_RESULT;

/* A file that reading some content needs. */
typedef struct {
    char *volume; /* name of the volume that needs it */
    char *path;
    char *sha256;
    gint64 size;
    gboolean
        unsettled; /* its content is just taking over what was its parent: size and sum may be either's */
} LullStoredFile;

/* The files of @manifest's volumes, and those behind them. Fails where a content of the chain is missing. */
GPtrArray *lull_lineage_files(const char *directory, const char *uid, LullJson *manifest,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
