/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/freeze-api.h"
#include "coordinator/guest/line.h"

G_BEGIN_DECLS

/* A guest that is no more where it was frozen. One that has ended is no longer frozen; one that has migrated
 * is, and where its agent is a stock one nobody there knows of it. */

typedef enum {
    LULL_GUEST_HERE = 0, /* or nobody knows: libvirt may be away, which says nothing about the guest */
    LULL_GUEST_ENDED,
    LULL_GUEST_AWAY, /* it may run elsewhere */
    LULL_GUEST_N
} LullGuestFate;

/* By libvirt's state and reason of the domain; @found: FALSE where libvirt knows none. @moves: domains come
 * and go with their guests, and one that migrated leaves none, as in a launcher. Pure. */
LullGuestFate lull_guest_fate_of(gboolean found, int state, int reason, gboolean moves) G_GNUC_CONST;

/* @ret_reason: a constant; not set where it is HERE. */
LullGuestFate lull_guest_fate(const LullLine *line, const char **ret_reason);

/* Who knows where a guest is, and how that one calls it. */
typedef struct {
    const LullFreezeApi *api; /* NULL: nobody */
    const char *ns, *name;    /* of its API; @ns NULL: it has none */
} LullGuestElsewhere;

/* Has it thawed wherever it is; bounded. NOT_FOUND: it runs nowhere, LOST: nobody knows. */
gboolean lull_guest_thaw_elsewhere(const LullGuestElsewhere *self, GError **error);

G_END_DECLS
