/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* Which volumes of a VirtualMachine are on claims, and whether these can be cut. Pure. */

typedef struct {
    char *name;  /* the machine's for it */
    char *claim; /* its PersistentVolumeClaim; NULL: it is on none, and cannot be cut */
    /* The content of a memory dump is cut, and never restored. */
    gboolean memory_dump;
    /* What KubeVirt keeps of TPM and UEFI variables: no volume of the machine's spec. */
    gboolean backend;
} LullCsiVolume;

/* In the order of the machine's spec, the backend storage last. Those that are hotplugged and kept are in the
 * spec, those that are not are gone with the guest. @claims: an array of PersistentVolumeClaims of the
 * namespace, of which those of backend storage are looked at. */
GPtrArray *lull_csi_volumes_of(LullJson *vm, LullJson *claims) G_GNUC_WARN_UNUSED_RESULT;

/* A TPM or UEFI variables that are kept, or, of a machine that @is_live, tracking of changed blocks. */
gboolean lull_csi_needs_backend(LullJson *vm, gboolean is_live);

/* The label of claims that are backend storage; its value is the machine's name. */
#define LULL_CSI_LABEL_BACKEND "persistent-state-for"

/* Whether it can be cut, {name, enabled, reason?}, as in the machine's status.volumeSnapshotStatuses and in
 * the reference's words. @problem: why its claim cannot, NULL: it can; of one that is of no type that can be
 * on a claim that is the reason. */
LullJson *lull_csi_volume_status(const LullCsiVolume *volume, const char *problem) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
