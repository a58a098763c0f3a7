/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/link.h"

/* What libvirt may come to say tomorrow is nothing that is known today. */
static LullVmEnd
end_of_reason(int reason)
{
    switch (reason) {
    case VIR_DOMAIN_SHUTOFF_SHUTDOWN:
        return LULL_VM_END_SHUTDOWN;
    case VIR_DOMAIN_SHUTOFF_DESTROYED:
        return LULL_VM_END_DESTROYED;
    case VIR_DOMAIN_SHUTOFF_CRASHED:
    case VIR_DOMAIN_SHUTOFF_DAEMON: /* it was there no more, or could not be used, when libvirt came back */
        return LULL_VM_END_CRASHED;
    case VIR_DOMAIN_SHUTOFF_SAVED:
        return LULL_VM_END_SAVED;
    case VIR_DOMAIN_SHUTOFF_MIGRATED:
        return LULL_VM_END_MIGRATED;
    case VIR_DOMAIN_SHUTOFF_FAILED:
        return LULL_VM_END_FAILED;
    case VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT:
        return LULL_VM_END_REVERTED;
    default:
        return LULL_VM_END_UNKNOWN;
    }
}

LullVmState
lull_vm_state_of(int state, int reason)
{
    switch (state) {
    case VIR_DOMAIN_SHUTOFF:
        return LULL_VM_STOPPED;
    case VIR_DOMAIN_PAUSED:
        return reason == VIR_DOMAIN_PAUSED_STARTING_UP || reason == VIR_DOMAIN_PAUSED_SHUTTING_DOWN
                   ? LULL_VM_RUNNING
                   : LULL_VM_PAUSED;
    case VIR_DOMAIN_PMSUSPENDED:
    case VIR_DOMAIN_CRASHED:
        return LULL_VM_PAUSED;
    default:
        return LULL_VM_RUNNING;
    }
}

LullVmEnd
lull_vm_end_of(int reason, gboolean saved, gboolean terminated)
{
    const LullVmEnd end = end_of_reason(reason);

    if (saved)
        return LULL_VM_END_SAVED;
    return terminated && end == LULL_VM_END_SHUTDOWN ? LULL_VM_END_TERMINATED : end;
}
