/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"

G_BEGIN_DECLS

/* The group that a cluster has the kinds of snapshots in: the one that clients know, or, beside a controller
 * that owns that one, one of our own, whose short names are nobody else's. */
typedef struct {
    const char *name;         /* NULL ends the table */
    const char *short_prefix; /* of short names, in the place of "vm" */
    gboolean in_all;          /* its objects are among those of `kubectl get all` */
} LullApiGroup;

const LullApiGroup *lull_api_groups(void);
const LullApiGroup *lull_api_group_by_name(const char *name); /* NULL: none of these */

/* The short names of a kind there. */
GStrv lull_api_group_short_names(const LullApiGroup *self, const LullKind *kind) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
