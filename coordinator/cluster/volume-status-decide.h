/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* Whether what a machine's status says of its volumes (volumeSnapshotStatuses) is to be written. Pure. */

typedef struct {
    gboolean exists;   /* the machine does, and is not about to go */
    gboolean differs;  /* what is so from what it says */
    gboolean kubevirt; /* KubeVirt's controller is alive, and says so itself; asked only where it differs */
} LullVolumeStatusView;

typedef enum {
    LULL_VOLUME_STATUS_WAIT = 0,
    LULL_VOLUME_STATUS_WRITE,
    LULL_VOLUME_STATUS_N
} LullVolumeStatusVerb;

typedef struct {
    LullVolumeStatusVerb verb;
    const char *reason;
    gint64 again_usec; /* WAIT: when to look again; 0: when something changes */
} LullVolumeStatusStep;

LullVolumeStatusStep lull_volume_status_decide(const LullVolumeStatusView *view);
const char *lull_volume_status_verb_to_string(LullVolumeStatusVerb verb);

/* Does @vm say something else than @rows (array)? Saying nothing is saying that there are none. */
gboolean lull_volume_status_differs(LullJson *vm, LullJson *rows);

/* The merge patch of its status that makes it say so, with its resourceVersion. */
LullJson *lull_volume_status_patch(LullJson *vm, LullJson *rows) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
