/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/elsewhere.h"

#include <libvirt/virterror.h>

#include "coordinator/guest/host-private.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define UNFREEZE_USEC LULL_SEC(3)

LullGuestFate
lull_guest_fate_of(gboolean found, int state, int reason, gboolean moves)
{
    if (!found)
        return moves ? LULL_GUEST_AWAY
                     : LULL_GUEST_ENDED; /* one that was defined nowhere goes with its guest */
    if (state == VIR_DOMAIN_CRASHED)
        return LULL_GUEST_ENDED;
    if (state != VIR_DOMAIN_SHUTOFF)
        return LULL_GUEST_HERE;
    return reason == VIR_DOMAIN_SHUTOFF_MIGRATED ? LULL_GUEST_AWAY : LULL_GUEST_ENDED;
}

LullGuestFate
lull_guest_fate(const LullLine *line, const char **ret_reason)
{
    int state = VIR_DOMAIN_NOSTATE;
    int reason = 0;
    const gboolean found = virDomainGetState(line->domain, &state, &reason, 0) == 0;
    LullGuestFate fate;

    if (!found && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN)
        return LULL_GUEST_HERE;
    fate = lull_guest_fate_of(found, state, reason, lull_host_is_launcher(line->host));
    if (fate == LULL_GUEST_ENDED)
        *ret_reason = "guest stopped";
    if (fate == LULL_GUEST_AWAY)
        *ret_reason = found ? "the guest migrated" : "the guest stopped or migrated";
    return fate;
}

gboolean
lull_guest_thaw_elsewhere(const LullGuestElsewhere *self, GError **error)
{
    const LullFreezeApi *api = self->ns ? self->api : NULL;
    g_autoptr(GError) problem = NULL;

    if (!api) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_LOST,
            "the guest is not here any more, and nobody is to be asked where it is: if it migrated it may be "
            "frozen there: virsh domfsthaw on that host");
        return FALSE;
    }
    if (api->unfreeze(api->data, self->ns, self->name, UNFREEZE_USEC, &problem))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&problem),
                               "the guest is not here, and KubeVirt did not thaw it where it is: ");
    return FALSE;
}
