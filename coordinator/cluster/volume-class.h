/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/csi/volumes.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

extern const LullKind lull_kind_data_volume;   /* CDI's */
extern const LullKind lull_kind_storage_class; /* of a cluster */

/* Would the volumes of one machine be cut, and by a class of what driver? Which class it is is chosen again
 * before the cut. */
typedef struct {
    LullStore *store;
    LullJson *vm;
    LullJson *classes; /* array: all VolumeSnapshotClasses */
} LullVolumeClasses;

typedef struct {
    char *problem;     /* why not; NULL: it would */
    gboolean mendable; /* people can mend that by naming a class: it is worth to be waited for */
} LullVolumeClass;
void lull_volume_class_clear(LullVolumeClass *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullVolumeClass, lull_volume_class_clear)

/* @volume has a claim, by its name. @claim: that, bound or not; NULL: it is not there, and the DataVolume or
 * the machine's template tells what it will be like. May block. */
gboolean lull_volume_class_look(const LullVolumeClasses *self, const LullCsiVolume *volume, LullJson *claim,
                                LullVolumeClass *ret_class, GError **error);

G_END_DECLS
