/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

extern const LullKind lull_kind_revision; /* ControllerRevision */

/* LullSnapshotSource.complete, @user_data a LullStore: what a snapshot of a cluster's machine would hold. Of
 * one that runs that is the spec that it was started with, with the volumes and disks that it has now. */
gboolean lull_machine_complete(gpointer user_data, LullJson *vm, GError **error);

/* @running, the spec that a machine was started with, with what is kept of @live as it is now. Pure. */
LullJson *lull_machine_spec(LullJson *running, LullJson *live) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
