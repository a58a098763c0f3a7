/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* A claim that waits for its first consumer is filled when its machine starts, which may be long after it was
 * restored: no provisioner takes a VolumeSnapshot that is being deleted by then. */

/* The label of claims that a restore made; its value is lull_csi_label_of() the name of the
 * machine that was cut. */
#define LULL_CSI_LABEL_RESTORED "restore.kubevirt.io/source-vm-name"

/* The first of @claims (an array) that is yet to be filled from one of @snapshots (an array), lent; NULL:
 * none. Pure. */
LullJson *lull_csi_awaiting(LullJson *claims, LullJson *snapshots);

G_END_DECLS
