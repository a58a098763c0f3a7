/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* Which VolumeSnapshotClass cuts a volume. Pure. */
typedef struct {
    const char *storage_class; /* of the claim; NULL: it has none */
    const char *driver;        /* CSI driver of the volume, or provisioner of the StorageClass */
    const char *volume;        /* the machine's name for it, for people */
    LullJson *profile;         /* CDI's StorageProfile of the StorageClass; NULL: there is none */
    LullJson *classes;         /* array: all VolumeSnapshotClasses that there are */
} LullCsiClassQuestion;

/* The profile's, else the only one of the driver, else the one of these that says that it is the default. A
 * class of another driver is never taken: nobody would cut, and nobody tell. Lent by @classes. NOT_FOUND:
 * none, in the reference's words; INVALID: more than one, or what the profile names cannot be. */
LullJson *lull_csi_class_choose(const LullCsiClassQuestion *question, GError **error);

G_END_DECLS
