/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* What has to be so before a guest is frozen for a cut. Pure: from objects of the API server to an error that
 * says what is not. BUSY: it may pass by itself. */

/* Is the claim the one that is meant (@uid; NULL: nobody knows), and bound, to a volume that has room for
 * snapshots by CSI, and that is its? */
gboolean lull_csi_claim_is_fit(LullJson *claim, const char *uid, GError **error);
gboolean lull_csi_volume_is_fit(LullJson *claim, LullJson *volume, GError **error);

/* Of a volume that is fit: the driver that cuts it. Lent. */
const char *lull_csi_volume_driver(LullJson *volume);

/* And its name for it. */
const char *lull_csi_volume_handle(LullJson *volume);

/* Is there room for @n more VolumeSnapshots in each of these ResourceQuotas? NO_SPACE. */
gboolean lull_csi_quotas_are_fit(LullJson *quotas, guint n, GError **error);

/* Do those live who have to act on a cut: snapshot-controller, and the driver's snapshotter? Where they elect
 * who does, by one of @leases (an array; those of others are no matter); where they do not, nothing is known
 * and nothing said. A lease counts as dead long after others may take it, since its time is of another clock
 * than @now (wall clock, the API server's as well as it is known). BUSY. */
gboolean lull_csi_leases_are_fit(LullJson *leases, const char *driver, gint64 now, GError **error);

G_END_DECLS
