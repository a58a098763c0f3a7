/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* How the VolumeSnapshots of a content are named, labelled and owned. Pure. Names, the labels of the source
 * and the owner are KubeVirt's, so that clients find them. */

/* What is kept of a VirtualMachineSnapshotContent: where it is, and of what its volumes are cut. */
typedef struct {
    char *volume;   /* the machine's name for it */
    char *claim;    /* its PersistentVolumeClaim, in the content's namespace */
    char *uid;      /* of that; NULL: the content does not tell */
    char *snapshot; /* the name that the content has for its VolumeSnapshot */
} LullCsiBackup;

typedef struct {
    char *api_version, *ns, *name, *uid;
    char *vm;           /* name of the machine, in the same namespace */
    char *node;         /* that sees to it; NULL: nobody said */
    GPtrArray *backups; /* of LullCsiBackup, in the content's order */
} LullCsiContent;

/* INVALID: names or uid are missing, or a volume without a claim or a VolumeSnapshot. */
LullCsiContent *lull_csi_content_new(LullJson *content, GError **error) G_GNUC_WARN_UNUSED_RESULT;
LullCsiContent *lull_csi_content_ref(LullCsiContent *self) G_GNUC_WARN_UNUSED_RESULT; /* never changed */
void lull_csi_content_unref(LullCsiContent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullCsiContent, lull_csi_content_unref)

/* Labels of ours on each VolumeSnapshot, besides those of the source. */
#define LULL_CSI_LABEL_CONTENT "lull.dev/content-uid"
#define LULL_CSI_LABEL_ATTEMPT "lull.dev/attempt"

/* The value of a label that names a machine: machines may have longer names than labels have room for. */
char *lull_csi_label_of(const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* As lull_volume_snapshot_name() has it. */
char *lull_csi_snapshot_name(const LullCsiBackup *backup, guint attempt) G_GNUC_WARN_UNUSED_RESULT;

/* Of the VolumeSnapshotContent that snapshot-controller makes for a VolumeSnapshot with this uid. */
char *lull_csi_content_name(const char *snapshot_uid) G_GNUC_WARN_UNUSED_RESULT;

/* All VolumeSnapshots of a content's attempt; 0: of all of them. */
char *lull_csi_selector(const char *content_uid, guint attempt) G_GNUC_WARN_UNUSED_RESULT;

/* The VolumeSnapshot to be created. */
LullJson *lull_csi_snapshot_object(const LullCsiContent *content, const LullCsiBackup *backup, guint attempt,
                                   const char *class_name) G_GNUC_WARN_UNUSED_RESULT;

/* Is @found what a POST of @posted, of lull_csi_snapshot_object(), would have made? One of another attempt,
 * or of another content of that name, is not. */
gboolean lull_csi_snapshot_is_ours(LullJson *found, LullJson *posted);

/* Which attempt of @content made @found, by its owner and its name: labels anybody can write. 0: none. */
guint lull_csi_snapshot_attempt(LullJson *found, const LullCsiContent *content);

G_END_DECLS
