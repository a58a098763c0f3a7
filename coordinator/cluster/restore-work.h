/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Puts what a restore in a cluster plans in place: claims made of VolumeSnapshots, then the machine. */
typedef struct {
    LullStore *store;  /* lent: knows kinds of a cluster, and machines as reconcilers do; takes no write once
                          another coordinator leads */
    LullStore *recent; /* lent: as @store, but for what it knows (store/recent.h): asked by who has just
                          recorded a plan; NULL: @store */
    LullStore *trial;  /* lent, an API server: a machine is tried there before anything is made for it, and
                          claims are before any is replaced; NULL: they are not */
    LullJson *(*try_create)(LullStore *trial, const LullKind *kind, LullJson *object,
                            GError **error); /* by that: lull_store_kube_try_create() */
    gint64 patience; /* how long claims may take before what holds them up is told; 0: the usual */
} LullRestoreTools;

/* Blocks, on a thread of its own. @restore: with its plan in status.restores, @content: of its snapshot; both
 * lent. Looks first at what there is: again, by whomever, it goes on where it was. @fresh: that plan was
 * recorded by its caller a moment ago, and nobody can have begun with it. The machine is not written
 * before all data are there, of volumes that were made for it, and nothing is taken away before that.
 *
 * INVALID, UNSUPPORTED: it can never be. Any other: not now, the message says why, in the provisioner's words
 * where it has some. */
gboolean lull_restore_work_run(const LullRestoreTools *self, LullJson *restore, LullJson *content,
                               gboolean fresh, void (*progress)(guint permille, gpointer user_data),
                               gpointer user_data, GCancellable *cancel, GError **error);

/* A restore is given up, and does not run: the claims that it made go, unless its machine is there, which has
 * them. One that a machine, an instance or a pod uses by now stays, and one that was bound to a volume that
 * was there before, for with it that would go: both are told. What one in place replaced is put back. BUSY:
 * it is on the way, call it again; *@ret_between: and till then the machine is of two times: it stays locked.
 */
gboolean lull_restore_work_drop(const LullRestoreTools *self, LullJson *restore, LullJson *content,
                                gboolean *ret_between, GError **error);

G_END_DECLS
