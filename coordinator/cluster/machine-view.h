/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* What a cluster's VirtualMachine looks like to reconcilers, and how its lock is written. Pure. @group: that
 * of our kinds, LullApiGroup.name.
 *
 * KubeVirt's own controller and we lock by the same field, each by the names of its own snapshots: what is
 * not KubeVirt's has the group's name at its end, "nightly.snapshot.lull.dev". */

/* The owner as it stands in the object: from the name of one of our objects. */
char *lull_machine_lock_text(const char *group, const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* The other way: the name, or, of an object that is none of ours, "<its group>/<its name>", which is no name.
 */
char *lull_machine_lock_owner(const char *group, const char *text) G_GNUC_WARN_UNUSED_RESULT;

char *lull_machine_finalizer(const char *group) G_GNUC_WARN_UNUSED_RESULT;

/* Changes @vm in place: locks are owners; its status says where it runs (LULL_MACHINE_NODE), whether our lock
 * lacks its finalizer (LULL_MACHINE_LOOSE), and, as of now, whether it is off or paused; of one that is off
 * also how it ended (offline-vm.h). @instance: its VirtualMachineInstance, NULL: there is none. */
void lull_machine_look(LullJson *vm, LullJson *instance, const char *group);

/* What is still to be written for it to be as @patch, a merge patch of its status with owners in the place of
 * locks, has it; each NULL where nothing is. A lock has its finalizer after it is written, and loses it
 * before. */
typedef struct {
    LullJson *status;
    LullJson *metadata;
    gboolean metadata_first;
} LullMachineWrites;
void lull_machine_writes_clear(LullMachineWrites *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullMachineWrites, lull_machine_writes_clear)

LullMachineWrites
lull_machine_plan(LullJson *vm, LullJson *patch, const char *group) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
