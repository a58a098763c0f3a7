/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* The machine that a restore in a cluster brings back. Pure; objects are lent. @plan: lull_restore_plan(). */

/* As it is to be: with @vm (NULL: it is not there) what was captured in the place of its spec, but for
 * whether it runs; without, a new one, which does not, after the restore's patches, and under another name
 * one with an identity of its own (restore-identity.h). INVALID: the patches do not apply, or change more
 * than its spec, labels and annotations. */
LullJson *lull_restore_machine(LullJson *restore, LullJson *content, LullJson *plan, LullJson *vm,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* On a machine that a restore made again under its name: the uid that it had in its first life. */
#define LULL_RESTORE_ORIGIN "restore.lull.dev/original-uid"

/* That uid of any machine, lent: one that was lost and brought back under its name is the
 * machine that it was, whose snapshots are for it. NULL: it has none. Who may annotate a machine may say
 * that. */
const char *lull_restore_origin(LullJson *machine);

/* The DataVolume of that name, of a template of @machine, that adopts the claim which the restore made for
 * it, and is filled by nothing else. NULL: there is no such template. */
LullJson *
lull_restore_data_volume(LullJson *restore, LullJson *machine, const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* The DataVolumes of @vm's templates that @machine has no template of any more, and does not use otherwise:
 * names, in their order. */
LullJson *lull_restore_surplus(LullJson *vm, LullJson *machine) G_GNUC_WARN_UNUSED_RESULT;

/* Volumes of @machine that keep data, and that the content has none of: they are what they are now. Names. */
LullJson *lull_restore_left_alone(LullJson *content, LullJson *machine) G_GNUC_WARN_UNUSED_RESULT;

/* Volumes of @machine that keep data, and are not as planned but those that the captured machine had: a copy
 * would be on them together with what it is a copy of. Names. */
LullJson *lull_restore_shared(LullJson *content, LullJson *plan, LullJson *machine) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
