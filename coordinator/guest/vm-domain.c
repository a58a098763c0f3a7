/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <libvirt/virterror.h>
#include <string.h>

#include "coordinator/guest/host-private.h"
#include "coordinator/guest/vm-definition.h"
#include "protocol/error.h"

/* Not knowing is an error: one that may run must not be taken for one that is off. @ret_end: STOPPED only;
 * UNKNOWN where libvirt does not tell. */
static gboolean
read_state(LullDomain *domain, LullVmState *ret_state, LullVmEnd *ret_end)
{
    const int active = virDomainIsActive(domain);
    int state = VIR_DOMAIN_NOSTATE;
    int reason = VIR_DOMAIN_SHUTOFF_UNKNOWN;

    if (active < 0 || virDomainGetState(domain, &state, &reason, 0) < 0)
        return FALSE;
    if (!active || state == VIR_DOMAIN_SHUTOFF) {
        *ret_end = lull_vm_end_of(state == VIR_DOMAIN_SHUTOFF ? reason : VIR_DOMAIN_SHUTOFF_UNKNOWN,
                                  virDomainHasManagedSaveImage(domain, 0) == 1, FALSE);
        state = VIR_DOMAIN_SHUTOFF;
    }
    *ret_state = lull_vm_state_of(state, reason);
    return TRUE;
}

/* As it runs, or is defined where it does not. */
static LullVm *
read_vm(LullDomain *domain, gsize max, GError **error)
{
    LullVmState state = LULL_VM_STOPPED;
    LullVmEnd end = LULL_VM_END_UNKNOWN;
    char *xml = read_state(domain, &state, &end) ? virDomainGetXMLDesc(domain, 0) : NULL;
    LullVm *vm = NULL;

    if (!xml)
        lull_link_error(error, "the virtual machine"); /* asking for its name would forget why */
    else if (strlen(xml) > max)
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_INVALID,
            "the virtual machine: libvirt describes it in %zu bytes, more than %zu: the pod cannot be "
            "trusted",
            strlen(xml), max);
    else
        vm = lull_vm_from_xml(xml, state, error);
    free(xml);
    if (vm && state == LULL_VM_STOPPED)
        vm->end = vm->restored && end != LULL_VM_END_SAVED ? LULL_VM_END_RESTORED : end;
    return vm;
}

static gboolean
set_definition(LullVm *vm, const char *inactive, GError **error)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    char *xml = vm->state == LULL_VM_STOPPED ? g_strdup(inactive)
                                             : lull_vm_definition(vm->xml, inactive, notes, error);

    if (!xml)
        return FALSE;
    g_free(vm->xml);
    vm->xml = xml;
    if (notes->len)
        vm->differences = g_steal_pointer(&notes);
    return TRUE;
}

LullVm *
lull_vm_from_domain(LullDomain *domain, GError **error)
{
    g_autoptr(LullVm) vm = read_vm(domain, G_MAXSIZE, error);
    char *inactive = vm ? virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE) : NULL;
    gboolean whole = FALSE;

    if (vm && !inactive)
        lull_link_error(error, "the virtual machine");
    whole = inactive && set_definition(vm, inactive, error);
    free(inactive);
    return whole ? g_steal_pointer(&vm) : NULL;
}

LullVm *
lull_vm_from_launcher(LullDomain *domain, GError **error)
{
    LullVm *vm = read_vm(domain, LULL_LAUNCHER_XML_MAX, error);

    if (vm)
        g_clear_pointer(&vm->xml, g_free);
    return vm;
}
