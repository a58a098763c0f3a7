/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/csi/awaited.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* What a restore in a cluster makes, and what it is called. Pure. @restore: the VirtualMachineRestore,
 * @content: that of its snapshot, @vm: the target, NULL where it is not there. All are lent; what is returned
 * is the caller's. */

/* The keys by which what a restore made is known, those of the reference. */
#define LULL_RESTORE_PREFIX           "restore.kubevirt.io/"
#define LULL_RESTORE_NAME             LULL_RESTORE_PREFIX "name"
#define LULL_RESTORE_LAST             LULL_RESTORE_PREFIX "lastRestoreUID"
#define LULL_RESTORE_SOURCE           LULL_CSI_LABEL_RESTORED
#define LULL_RESTORE_SOURCE_NAMESPACE LULL_RESTORE_PREFIX "source-vm-namespace"
#define LULL_RESTORE_OWNED_BY_VM      LULL_RESTORE_PREFIX "owned-by-vm"

/* CDI's: on a claim, the DataVolume that may have it; on a DataVolume, that nothing fills its claim, and that
 * it takes one that is there. */
#define LULL_CDI_POPULATED_FOR "cdi.kubevirt.io/storage.populatedFor"
#define LULL_CDI_PREPOPULATED  "cdi.kubevirt.io/storage.prePopulated"
#define LULL_CDI_ADOPTION      "cdi.kubevirt.io/allowClaimAdoption"

/* What LULL_RESTORE_LAST is on all that this restore made: "<name>-<uid>". */
char *lull_restore_marker(LullJson *restore) G_GNUC_WARN_UNUSED_RESULT;
gboolean lull_restore_made(LullJson *restore, LullJson *object);

/* spec.volumeRestorePolicy: InPlace. */
gboolean lull_restore_is_in_place(LullJson *restore);

/* status.restores: for each volume that the content has, but for dumps of memory, {"volumeName",
 * "persistentVolumeClaim", "volumeSnapshotName", "dataVolumeName"?}, in the content's order. A claim with a
 * dataVolumeName is to be adopted by the DataVolume of that name. */
LullJson *lull_restore_plan(LullJson *restore, LullJson *content) G_GNUC_WARN_UNUSED_RESULT;

/* The claim of one @entry of that plan. @snapshot: its VolumeSnapshot. NULL: the content has no such volume.
 */
LullJson *lull_restore_claim(LullJson *restore, LullJson *content, LullJson *entry, LullJson *snapshot,
                             LullJson *vm) G_GNUC_WARN_UNUSED_RESULT;

/* Selects the claims that restores of the machine that @content is of made. */
char *lull_restore_selector(LullJson *content) G_GNUC_WARN_UNUSED_RESULT;

/* The DataVolume of one @entry of that plan is of a template of the machine. */
gboolean lull_restore_has_template(LullJson *content, LullJson *entry);

/* The metadata of that claim, as those of @old are: also where that is of another time than the content's. */
LullJson *lull_restore_claim_metadata(LullJson *restore, LullJson *content, LullJson *entry, LullJson *old,
                                      LullJson *vm) G_GNUC_WARN_UNUSED_RESULT;

/* Why @claim, as the server has it, would not get the data that @sent asks for; NULL: it would. A server that
 * does not know a kind of data source drops it, and an empty volume is bound. */
char *lull_restore_claim_problem(LullJson *claim, LullJson *sent) G_GNUC_WARN_UNUSED_RESULT;

/* The row of spec.volumeBackups, lent; NULL: none. */
LullJson *lull_restore_backup(LullJson *content, const char *volume);

G_END_DECLS
